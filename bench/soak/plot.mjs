// Memory, database and log over time, as SVG: each curve in a panel of its own, from zero.
const [WIDTH, PANEL, LEFT, TOP, GAP] = [860, 110, 120, 34, 34]
const MIB = 1024 * 1024

const curves = [
  ['resident memory, MiB', (s) => s.rss / MIB],
  ['heap in use, MiB', (s) => s.heapUsed / MIB],
  ['of it SQLite, MiB', (s) => s.sqlite / MIB],
  ['database in use, MiB', (s) => s.dbUsed / MIB],
  ['write-ahead log, MiB', (s) => s.wal / MIB],
  ['open files', (s) => s.sockets + s.database + s.pipes + s.eventPolls + s.otherFiles],
]

const round = (v) => (v >= 100 ? v.toFixed(0) : v.toFixed(1))

function panel(samples, [name, value], at) {
  const values = samples.map(value)
  const high = Math.max(...values, 1) * 1.1
  const begin = samples[0].at
  const span = Math.max(1, samples.at(-1).at - begin)
  const x = (s) => LEFT + ((s.at - begin) / span) * (WIDTH - LEFT - 90)
  const y = (v) => at + PANEL - (v / high) * PANEL
  const points = samples.map((s, i) => `${x(s).toFixed(1)},${y(values[i]).toFixed(1)}`).join(' ')
  return `<text x="${LEFT}" y="${at - 6}" class="n">${name}</text>
<line x1="${LEFT}" y1="${at + PANEL}" x2="${WIDTH - 90}" y2="${at + PANEL}" class="a"/>
<polyline points="${points}" class="c"/>
<text x="${LEFT - 8}" y="${y(values[0]).toFixed(1)}" class="l">${round(values[0])}</text>
<text x="${WIDTH - 84}" y="${y(values.at(-1)).toFixed(1)}">${round(values.at(-1))}</text>`
}

export function plot({ meta, samples }) {
  const height = TOP + curves.length * (PANEL + GAP) + 20
  const panels = curves.map((curve, i) => panel(samples, curve, TOP + 10 + i * (PANEL + GAP)))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<style>.c{fill:none;stroke:#1763a6;stroke-width:1.5}.a{stroke:#999}.l{text-anchor:end}.n{font-weight:bold}</style>
<rect width="100%" height="100%" fill="#fff"/>
<text x="${LEFT}" y="16">${meta.minutes} minutes of mixed load, ${meta.rate} deeds a second, ${meta.date.slice(0, 10)}</text>
${panels.join('\n')}
<text x="${LEFT}" y="${height - 8}">0</text><text x="${WIDTH - 90}" y="${height - 8}" class="l">${meta.minutes} minutes</text>
</svg>
`
}
