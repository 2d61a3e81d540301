// Medians and spreads of rounds.
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[sorted.length >> 1]
}

export const spread = (values) => [Math.min(...values), Math.max(...values)]

// A figure beside its baseline, round by round. The ratio is the median of the rounds' own ratios: what drifts between rounds
// drifts for both.
export function beside(figures, baselines, unit) {
  const ratios = figures.map((v, i) => v / baselines[i])
  return { figure: median(figures), baseline: median(baselines), unit, ratio: median(ratios), spread: spread(ratios) }
}

export const alone = (figures, unit) => ({ figure: median(figures), unit, spread: spread(figures) })

// Runs each of CASES (name -> function) once a round; each round begins with another one. Returns name -> results.
export async function interleave(cases, rounds, note) {
  const names = Object.keys(cases)
  const raw = Object.fromEntries(names.map((name) => [name, []]))
  for (let round = 0; round < rounds; round++) {
    note(`round ${round + 1} of ${rounds}`)
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + round) % names.length]
      raw[name].push(await cases[name](round))
    }
  }
  return raw
}
