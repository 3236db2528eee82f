const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
  ['s', 1_000],
] as const

/** `3.2 s`, `12 min`: as much as one looks for. */
export function duration(ms: number): string {
  const [unit, size] = units.find(([, size]) => ms >= size) ?? ['s', 1_000]
  const amount = ms / size
  return `${amount < 10 ? Math.max(0, amount).toFixed(1) : Math.floor(amount)} ${unit}`
}
