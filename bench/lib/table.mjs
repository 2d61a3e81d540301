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
  const widths = lines[0].map((_, i) => Math.max(...lines.map((l) => l[i].length)))
  const right = new Set([2, 4, 5])
  const pad = (cell, i) => (right.has(i) ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))
  return lines.map((l) => l.map(pad).join('  ').trimEnd()).join('\n')
}
