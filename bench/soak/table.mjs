// The result as a table in text.
const MIB = 1024 * 1024

const shown = (value, unit) =>
  unit === 'MiB' ? (value / MIB).toFixed(2) : String(Math.round(value * 10) / 10)

function explanation(row) {
  const unit = (n) => (row.unit === 'MiB' ? `${(n / MIB).toFixed(2)} MiB` : String(Math.round(n)))
  if (!row.ok) return `NOT EXPLAINED: ${unit(row.left)} ${row.detail ?? ''}`
  const parts = row.parts.map(([why, n]) => `${why} ${unit(n)}`)
  if (row.bound !== undefined)
    parts.push(`bound ${row.unit === 'MiB' ? `${(row.bound / MIB).toFixed(0)} MiB` : row.bound}`)
  if (parts.length > 0) return parts.join(', ')
  return row.end - row.start <= 0 ? 'no growth' : `noise, below ${unit(row.noise)}`
}

function columns(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)))
  const left = (i) => i === 0 || i === lines[0].length - 1
  return lines
    .map((line) =>
      line
        .map((cell, i) => (left(i) ? cell.padEnd(widths[i]) : cell.padStart(widths[i])))
        .join('  ')
        .trimEnd(),
    )
    .join('\n')
}

function quantities(result) {
  const lines = [['', 'start', 'middle', 'end', 'an hour', 'B/registration', '']]
  for (const row of result.rows) {
    const name = row.unit ? `${row.what}, ${row.unit}` : row.what
    const values = [row.start, row.middle, row.end].map((v) => shown(v, row.unit))
    const hourly = row.hourly === undefined ? '' : shown(row.hourly, row.unit)
    const each = row.unit === 'MiB' ? row.perRegistration.toFixed(1) : ''
    lines.push([name, ...values, hourly, each, explanation(row)])
  }
  return columns(lines)
}

export function table(result) {
  const { meta, start, end, fate, done, log } = result
  const seconds = (end.at - start.at) / 1000
  const since = (name) => end.metrics[name] - start.metrics[name]
  const share = (key) => `${(((end[key] - start[key]) / seconds) * 100).toFixed(1)} %`
  const refusals = Object.keys(end.metrics).filter(
    (k) => k.startsWith('berth_refusals_total{') && end.metrics[k] > start.metrics[k],
  )
  return [
    `${meta.minutes} minutes from ${meta.date}, ${meta.devices} known devices; ${meta.cores} cores ${meta.cpu}`,
    `${end.deeds - start.deeds} deeds; ${since('berth_connections_accepted_total')} connections, ` +
      `${since('berth_registrations_assigned_total')} registrations assigned, ${since('berth_registrations_refused_total')} refused ` +
      `for ${refusals.length} reasons, ${since('berth_hub_sessions_accepted_total')} sessions, ` +
      `${since('berth_telemetry_messages_total')} messages, ${since('berth_service_requests_total')} service requests`,
    `CPU: daemon ${share('cpu')} of a core, load ${share('clientCpu')}; log ${end.logLines - start.logLines} lines, ` +
      `${((end.logBytes - start.logBytes) / MIB).toFixed(1)} MiB; deeds begun late or left out: ${result.late}`,
    `told assigned ${fate.told}, of them lost ${fate.lost}`,
    `before the start: ${result.perDevice.database.toFixed(0)} bytes of database a new device; memory of an empty daemon ` +
      `${(result.empty.rss / MIB).toFixed(1)} MiB, of that one ${(start.rss / MIB).toFixed(1)} MiB, of which SQLite's ` +
      `${(start.sqlite / MIB).toFixed(1)} MiB`,
    '',
    quantities(result),
    '',
    ...Object.entries(result.odd).map(
      ([what, { count, first }]) => `ODD ${count} x ${what}\n    ${first.join('\n    ')}`,
    ),
    `deeds: ${Object.entries(done)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ')}`,
    `log: ${Object.entries(log.byMessage)
      .map(([name, n]) => `${name} ${n}`)
      .join(', ')}`,
    '',
    result.rows.every((row) => row.ok)
      ? 'every growth is explained'
      : 'NOT every growth is explained',
    '',
  ].join('\n')
}
