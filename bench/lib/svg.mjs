// Plots as SVG, legible on light and dark pages: lines over a logarithmic x axis, and bars of ratios with their bounds.
const W = 640
const LEFT = 70
const RIGHT = 20
const TOP = 40

const STYLE = `<style>
  text { font: 12px system-ui, sans-serif; fill: #222 } .title { font-size: 14px; font-weight: 600 } .axis, .tick { stroke: #888; fill: none }
  .tick { stroke-opacity: .25 } .s0 { stroke: #0b62a4; fill: #0b62a4 } .s1 { stroke: #c4541a; fill: #c4541a } .s2 { stroke: #2b7a3d; fill: #2b7a3d } .s3 { stroke: #7a3d9a; fill: #7a3d9a }
  .line { fill: none; stroke-width: 2 } .band { stroke: none; fill-opacity: .15 } .bound { stroke: #222; stroke-width: 2 } .miss { fill: #b3261e }
  text.s0, text.s1, text.s2, text.s3 { stroke: none }
  @media (prefers-color-scheme: dark) { text { fill: #ddd } .s0 { stroke: #6cb6ff; fill: #6cb6ff } .s1 { stroke: #ff9b6a; fill: #ff9b6a }
    .s2 { stroke: #7ed491; fill: #7ed491 } .s3 { stroke: #d3a4ef; fill: #d3a4ef } .line { fill: none } .bound { stroke: #ddd } .miss { fill: #ff897d } }
</style>`

const escape = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)
const text = (x, y, s, more = '') => `<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" ${more}>${escape(s)}</text>`
const path = (points) => points.map(([x, y], i) => `${i ? 'L' : 'M'}${x.toFixed(1)} ${y.toFixed(1)}`).join('')

function picture(height, title, body) {
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${W} ${height}" role="img" aria-label="${escape(title)}">
<title>${escape(title)}</title>
${STYLE}
${text(LEFT, 22, title, 'class="title"')}
${body.join('\n')}
</svg>
`
}

// 1, 2 or 5 times a power of ten, so that about four of them fit.
function stepOf(top) {
  const raw = top / 4
  const power = 10 ** Math.floor(Math.log10(raw))
  return [1, 2, 5, 10].find((f) => f * power >= raw) * power
}

const shown = (n) => (n >= 1e6 ? `${n / 1e6} M` : n >= 1000 ? `${n / 1000} k` : String(Number(n.toPrecision(3))))

// SERIES: [{ name, points: [{ size, value, spread: [low, high] }] }], all over the same sizes. The y axis begins at 0.
export function lines({ title, x, y, series }) {
  const H = 300
  const bottom = H - 50
  const sizes = series[0].points.map((p) => p.size)
  const logs = sizes.map((s) => Math.log10(s))
  const span = Math.max(1e-9, logs.at(-1) - logs[0])
  const top = Math.max(...series.flatMap((s) => s.points.map((p) => p.spread[1]))) * 1.05 || 1
  const step = stepOf(top)
  const px = (size) => LEFT + 20 + ((Math.log10(size) - logs[0]) / span) * (W - LEFT - RIGHT - 150)
  const py = (value) => bottom - (value / top) * (bottom - TOP)
  const body = []
  for (let v = 0; v <= top; v += step) {
    body.push(`<path class="tick" d="${path([[LEFT, py(v)], [W - RIGHT - 110, py(v)]])}"/>`)
    body.push(text(LEFT - 8, py(v) + 4, shown(v), 'text-anchor="end"'))
  }
  body.push(`<path class="axis" d="${path([[LEFT, TOP], [LEFT, bottom], [W - RIGHT - 110, bottom]])}"/>`)
  for (const s of sizes) body.push(text(px(s), bottom + 18, shown(s), 'text-anchor="middle"'))
  body.push(text((LEFT + W - RIGHT - 110) / 2, bottom + 40, x, 'text-anchor="middle"'))
  body.push(text(14, (TOP + bottom) / 2, y, `text-anchor="middle" transform="rotate(-90 14 ${(TOP + bottom) / 2})"`))
  const labels = placed(series.map((s) => py(s.points.at(-1).value)))
  series.forEach((s, i) => {
    const band = [...s.points.map((p) => [px(p.size), py(p.spread[1])]), ...[...s.points].reverse().map((p) => [px(p.size), py(p.spread[0])])]
    body.push(`<path class="band s${i % 4}" d="${path(band)}Z"/>`)
    body.push(`<path class="line s${i % 4}" d="${path(s.points.map((p) => [px(p.size), py(p.value)]))}"/>`)
    for (const p of s.points) body.push(`<circle class="s${i % 4}" cx="${px(p.size).toFixed(1)}" cy="${py(p.value).toFixed(1)}" r="3"/>`)
    body.push(text(px(sizes.at(-1)) + 10, labels[i] + 4, s.name, `class="s${i % 4}"`))
  })
  return picture(H, title, body)
}

// So that no two labels stand on each other.
function placed(ys) {
  const order = ys.map((y, i) => [y, i]).sort((a, b) => a[0] - b[0])
  const at = []
  let last = -Infinity
  for (const [y, i] of order) {
    last = Math.max(y, last + 15)
    at[i] = last
  }
  return at
}

// ROWS: [{ name, value, spread, bound, met }]: each bar is a ratio, the line on it its rounds, the mark its bound. The x axis begins at 0.
export function bars({ title, x, rows }) {
  const ROW = 30
  const H = TOP + rows.length * ROW + 50
  const bottom = H - 50
  const left = 320 // of a name of 44 characters
  const top = Math.max(...rows.flatMap((r) => [r.spread?.[1] ?? r.value, r.bound ?? 0])) * 1.1 || 1
  const px = (v) => left + (v / top) * (W - left - RIGHT - 40)
  const step = stepOf(top)
  const body = []
  for (let v = 0; v <= top; v += step) {
    body.push(`<path class="tick" d="${path([[px(v), TOP], [px(v), bottom]])}"/>`)
    body.push(text(px(v), bottom + 18, shown(v), 'text-anchor="middle"'))
  }
  rows.forEach((r, i) => {
    const y = TOP + i * ROW + 6
    body.push(text(left - 8, y + 13, r.name, 'text-anchor="end"'))
    body.push(`<rect class="s0 band" style="fill-opacity:.6" x="${left}" y="${y}" width="${(px(r.value) - left).toFixed(1)}" height="18"/>`)
    if (r.spread) body.push(`<path class="s0 line" d="${path([[px(r.spread[0]), y + 9], [px(r.spread[1]), y + 9]])}"/>`)
    if (r.bound !== undefined) body.push(`<path class="bound" d="${path([[px(r.bound), y - 3], [px(r.bound), y + 21]])}"/>`)
    const end = px(Math.max(r.value, r.spread?.[1] ?? 0, r.bound ?? 0))
    body.push(text(end + 6, y + 13, r.value.toFixed(2), r.met === false ? 'class="miss"' : ''))
  })
  body.push(text((left + W - RIGHT) / 2, bottom + 40, x, 'text-anchor="middle"'))
  return picture(H, title, body)
}
