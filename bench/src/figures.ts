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

/** Events per second of each row's rounds. */
export type Rates = ReadonlyMap<string, readonly number[]>

/** The first over the second row of each pair, round by round. A ratio is missing where one of its rows was not run. */
export function pairedRatios(
  rates: Rates,
  pairs: Readonly<Record<string, readonly [ours: string, theirs: string]>>,
): Readonly<Record<string, number>> {
  const ratios: Record<string, number> = {}
  for (const [name, [ours, theirs]] of Object.entries(pairs)) {
    const [a, b] = [rates.get(ours), rates.get(theirs)]
    if (a && b) ratios[name] = rounded(pairedRatio(a, b))
  }
  return ratios
}
