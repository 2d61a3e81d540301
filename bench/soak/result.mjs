// What a run came to, into files and onto the terminal. As a program: the samples of a run, judged again.
//
// usage: result.mjs build/soak/soak.json [SVG]
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { judge } from './judge.mjs'
import { plot } from './plot.mjs'
import { table } from './table.mjs'

// True when every growth is explained.
export function tell(result, directory, svg = path.join(directory, 'soak.svg')) {
  result.rows = judge(result)
  fs.mkdirSync(directory, { recursive: true })
  fs.writeFileSync(path.join(directory, 'soak.json'), JSON.stringify(result, null, 1))
  fs.writeFileSync(svg, plot(result))
  const text = table(result)
  fs.writeFileSync(path.join(directory, 'soak.txt'), text)
  console.log(text)
  return result.rows.every((row) => row.ok)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , file, svg] = process.argv
  const result = JSON.parse(fs.readFileSync(file, 'utf8'))
  process.exitCode = tell(result, path.dirname(file), svg) ? 0 : 1
}
