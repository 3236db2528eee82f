/** The middle one; of an even number the mean of the two in the middle. NaN where there is none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = (sorted.length - 1) / 2
  return ((sorted[Math.floor(middle)] ?? Number.NaN) + (sorted[Math.ceil(middle)] ?? Number.NaN)) / 2
}

/** The value that `percent` of them do not exceed, itself one of them. NaN where there is none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? Number.NaN
}

/** The median of the ratios within each round: what disturbs the machine for a while disturbs both. */
export function pairedRatio(ours: readonly number[], theirs: readonly number[]): number {
  const rounds = Math.min(ours.length, theirs.length)
  return median(Array.from({ length: rounds }, (_, round) => ours[round]! / theirs[round]!))
}

/** Rounded for people. */
export function rounded(value: number, digits = 2): number {
  return Number(value.toFixed(digits))
}

/** The medians of the rounds' percentiles, for people. */
export function latencyOf(rounds: readonly (readonly number[])[]) {
  const over = (percent: number) => rounded(median(rounds.map((latencies) => percentile(latencies, percent))))
  return { p50Ms: over(50), p99Ms: over(99) }
}

/** One figure of each of a row's rounds, by the row's name. */
export type Figures = ReadonlyMap<string, readonly number[]>

/** The first over the second row of each pair, round by round. A ratio is missing where one of its rows was not run. */
export function pairedRatios(
  figures: Figures,
  pairs: Readonly<Record<string, readonly [ours: string, theirs: string]>>,
): Readonly<Record<string, number>> {
  const ratios: Record<string, number> = {}
  for (const [name, [ours, theirs]] of Object.entries(pairs)) {
    const [a, b] = [figures.get(ours), figures.get(theirs)]
    if (a && b) ratios[name] = rounded(pairedRatio(a, b))
  }
  return ratios
}
