// Rows as people read them: a figure, what it is held against, the bound, whether it is met.
export function number(value) {
  if (value === undefined) return ''
  if (Math.abs(value) >= 1000) return String(Math.round(value))
  return Math.abs(value) >= 10 || value === 0 ? value.toFixed(1) : value.toFixed(2)
}

const short = (ratio) => (ratio >= 100 ? ratio.toFixed(0) : ratio.toFixed(2))

// MOST and LEAST bound the ratio, FLOOR and CEILING the figure itself.
export function judge(r) {
  if (r.most !== undefined) return { bound: `<= ${r.most.toFixed(2)} x`, met: r.ratio <= r.most }
  if (r.least !== undefined) return { bound: `>= ${r.least} x`, met: r.ratio >= r.least }
  if (r.floor !== undefined) return { bound: `>= ${r.floor}${r.unit}`, met: r.figure >= r.floor }
  if (r.ceiling !== undefined) return { bound: `<= ${r.ceiling} ${r.unit}`.trim(), met: r.figure <= r.ceiling }
  return { bound: '', met: undefined }
}

// CELLS are lines of columns; the columns that RIGHT takes are set to the right.
function columns(cells, right) {
  const widths = cells[0].map((_, i) => Math.max(...cells.map((l) => l[i].length)))
  const pad = (cell, i) => (right(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))
  return cells.map((l) => l.map(pad).join('  ').trimEnd()).join('\n')
}

export function tableOf(rows) {
  const lines = [['', 'what', 'figure', 'against', 'baseline', 'ratio', 'rounds', 'bound', '']]
  for (const r of rows) {
    const { bound, met } = judge(r)
    const unit = (v) => (v === undefined ? '' : `${number(v)} ${r.unit}`.trim())
    const show = r.ratio === undefined ? number : short
    lines.push([
      r.target,
      r.what,
      unit(r.figure),
      r.against ?? '',
      unit(r.baseline),
      r.ratio === undefined ? '' : short(r.ratio),
      r.spread === undefined ? '' : `${show(r.spread[0])} - ${show(r.spread[1])}`,
      bound,
      met === undefined ? '' : met ? 'met' : 'NOT MET',
    ])
  }
  return columns(lines, (i) => [2, 4, 5].includes(i))
}

const PLACE_LEAST_US = 1

// Where the time goes: PROFILE has places and their microseconds by case. A column a case, those that cost most first.
export function profileOf(profile) {
  const cases = Object.keys(profile)
  const places = [...new Set(cases.flatMap((name) => Object.keys(profile[name])))]
  const at = (name, place) => profile[name][place] ?? 0
  const most = (place) => Math.max(...cases.map((name) => at(name, place)))
  const shown = places.filter((place) => most(place) >= PLACE_LEAST_US).sort((a, b) => most(b) - most(a))
  const sum = (name) => places.reduce((all, place) => all + at(name, place), 0)
  return columns(
    [
      ['CPU of a connection, us', ...cases],
      ...shown.map((place) => [place, ...cases.map((name) => (at(name, place) === 0 ? '' : number(at(name, place))))]),
      ['all', ...cases.map((name) => number(sum(name)))],
    ],
    (i) => i > 0,
  )
}
