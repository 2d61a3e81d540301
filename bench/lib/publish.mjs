// The results file, the plots, and what the pages quote of them: docs/performance/ and the marked parts of docs/performance.md and
// README.md are written from one run, and checked against it, so that no number can drift.
import fs from 'node:fs'
import path from 'node:path'
import { bars, lines } from './svg.mjs'
import { judge, number, profileOf, tableOf } from './table.mjs'

const RESULTS = 'docs/performance/results.json'
const PAGES = ['docs/performance.md', 'README.md']

// ---- plots ----

const NAMES = { new: 'new device', known: 'known device' }
const ofSeries = (g, clock, scale = 1) =>
  Object.entries(g.series).map(([name, of]) => ({
    name: NAMES[name],
    points: of[clock].map((p) => ({ size: p.size, value: p.value * scale, spread: p.spread.map((v) => v * scale) })),
  }))

function growthPlots(growth) {
  const plots = {}
  for (const [axis, g] of Object.entries(growth)) {
    plots[`growth-${axis}-cpu.svg`] = lines({
      title: `CPU of a registration, by ${g.what}`,
      x: g.what,
      y: 'microseconds',
      series: ofSeries(g, 'all'),
    })
    plots[`growth-${axis}-latency.svg`] = lines({
      title: `Latency of a registration, by ${g.what}`,
      x: g.what,
      y: 'milliseconds',
      series: ['p50', 'p99'].flatMap((clock) =>
        ofSeries(g, clock, 1 / 1000).map((s) => ({ ...s, name: Object.keys(g.series).length > 1 ? `${s.name}, ${clock}` : clock })),
      ),
    })
  }
  return plots
}

function targetPlot(rows) {
  const bounded = rows.filter((r) => r.most !== undefined)
  return bars({
    title: 'Ratios and their bounds',
    x: 'times the baseline, less is better; the mark is the bound',
    rows: bounded.map((r) => ({
      name: `${r.target}  ${r.what} / ${r.against}`.slice(0, 44),
      value: r.ratio,
      spread: r.spread,
      bound: r.most,
      met: judge(r).met,
    })),
  })
}

export function plotsOf(results) {
  const plots = results.growth ? growthPlots(results.growth) : {}
  if (results.rows.some((r) => r.most !== undefined)) plots['targets.svg'] = targetPlot(results.rows)
  return plots
}

// ---- what the pages quote ----

const minute = (date) => date.slice(0, 16).replace('T', ' ')
const about = (m) =>
  `${minute(m.date)}, ${m.cores} cores ${m.cpu}, Linux ${m.kernel}, ${m.openssl}, nginx ${m.nginx}, mosquitto ${m.mosquitto}; ` +
  `${m.rounds} rounds of ${m.connections} connections.`

const again = (r) =>
  Object.entries(r.again ?? {})
    .map(([part, date]) => ` Measured again: ${part}, ${minute(date)}.`)
    .join('')

const fenced = (text) => `\`\`\`\n${text}\n\`\`\``

const QUOTED = [
  ['1', 'MQTT registration, loop', 'A whole registration by MQTT costs the loop'],
  ['3', 'MQTT registration, all CPU', 'A durable registration by MQTT, all CPU'],
  ['4', 'HTTPS registration, all CPU', 'A durable registration by HTTPS, all CPU'],
  ['7', 'idle MQTT connection, memory', 'Memory of an idle MQTT connection'],
  ['11', 'durable rows, 64 in flight', 'Durable rows a second, committed in groups'],
  ['12', 'keys of a CSV file, whole program', 'Device keys derived a second'],
]

function quoted(results) {
  const lines = QUOTED.map(([target, what, words]) => {
    const r = results.rows.find((row) => row.target === target && row.what === what && row.ratio !== undefined)
    return r && `| ${words} | ${r.ratio >= 100 ? r.ratio.toFixed(0) : r.ratio.toFixed(2)} × ${r.against} | ${number(r.figure)} ${r.unit} |`
  })
  return ['| | | |', '|---|---|---|', ...lines.filter(Boolean)].join('\n')
}

// Plots of RESULTS whose names begin with PREFIX: a page links only what a run has drawn.
const plotLinks = (results, prefix) =>
  Object.keys(plotsOf(results))
    .filter((name) => name.startsWith(prefix))
    .map((name) => `\n![${name.replace('.svg', '').replaceAll('-', ' ')}](performance/${name})`)
    .join('')

const BLOCKS = {
  'results: machine': (r) => about(r.machine) + again(r) + (r.disturbance ? `\n\n${r.disturbance}` : ''),
  'results: targets': (r) => fenced(tableOf(r.rows.filter((row) => row.target !== 'g'))) + plotLinks(r, 'targets'),
  'results: growth': (r) => fenced(tableOf(r.rows.filter((row) => row.target === 'g'))) + plotLinks(r, 'growth'),
  'results: profile': (r) => (r.profile ? fenced(profileOf(r.profile)) : ''),
  'results: quoted': quoted,
}

// The page with its marked parts as RESULTS has them.
export function filled(page, results) {
  return page.replace(/(<!-- (results: \w+) -->\n)[^]*?(<!-- end -->)/g, (_, head, name, end) => {
    if (BLOCKS[name] === undefined) throw new Error(`no such part: ${name}`)
    return `${head}${BLOCKS[name](results)}\n${end}`
  })
}

// ---- files ----

// The saved results without those of PARTS, which are about to be measured again on MACHINE.
export function savedBeside(root, parts, machine) {
  const saved = JSON.parse(fs.readFileSync(path.join(root, RESULTS), 'utf8'))
  for (const name of ['cpu', 'cores', 'kernel', 'openssl', 'nginx', 'mosquitto', 'rounds', 'connections'])
    if (saved.machine[name] !== machine[name])
      throw new Error(`the saved run had ${name} ${saved.machine[name]}, this one has ${machine[name]}: measure all parts`)
  return { ...saved, rows: saved.rows.filter((r) => !parts.includes(r.part)) }
}

// KEPT, and RESULTS of other parts, in the order of ALL.
export function joined(kept, results, all) {
  const { growth = kept.growth, profile = kept.profile } = results
  const place = (r) => all.indexOf(r.part)
  const dates = Object.fromEntries(Object.keys(results.seconds).map((part) => [part, results.machine.date]))
  return {
    ...kept,
    rows: [...kept.rows, ...results.rows].sort((a, b) => place(a) - place(b)),
    seconds: { ...kept.seconds, ...results.seconds },
    rounds: { ...kept.rounds, ...results.rounds },
    ...{ growth, profile },
    again: { ...kept.again, ...dates },
    disturbance: [...new Set([kept.disturbance, results.disturbance])].filter(Boolean).join('\n\n'),
  }
}

export function publish(root, results) {
  const file = (name) => path.join(root, name)
  fs.mkdirSync(path.dirname(file(RESULTS)), { recursive: true })
  fs.writeFileSync(file(RESULTS), `${JSON.stringify(results, null, 1)}\n`)
  for (const [name, svg] of Object.entries(plotsOf(results))) fs.writeFileSync(file(`docs/performance/${name}`), svg)
  for (const page of PAGES) fs.writeFileSync(file(page), filled(fs.readFileSync(file(page), 'utf8'), results))
}

// What of the pages and plots is not what the results file says; [] when all is.
export function drifted(root) {
  const file = (name) => path.join(root, name)
  const read = (name) => (fs.existsSync(file(name)) ? fs.readFileSync(file(name), 'utf8') : '')
  if (read(RESULTS) === '') return [] // no run was saved yet
  const results = JSON.parse(read(RESULTS))
  const plots = Object.entries(plotsOf(results)).map(([name, svg]) => [`docs/performance/${name}`, svg])
  const pages = PAGES.map((page) => [page, filled(read(page), results)])
  return [...plots, ...pages].filter(([name, wanted]) => read(name) !== wanted).map(([name]) => name)
}
