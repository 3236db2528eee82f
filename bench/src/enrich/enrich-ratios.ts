import { pairedRatio, rounded } from '../figures.ts'
import type { Rates } from '../relay/relay-ratios.ts'

/** Commitcast over the others, round by round. A ratio is missing where one of its rows was not run. */
export function enrichRatios(rates: Rates): Readonly<Record<string, number>> {
  const pairs = {
    ofRawLimit: ['commitcast', 'raw'],
    vsPerEventQuery: ['commitcast', 'perEventQuery'],
    vsPerEventQueryAtOnce: ['commitcast', 'perEventQueryAtOnce'],
    projectionVsNaive: ['projection', 'onePerTransaction'],
  } as const
  const ratios: Record<string, number> = {}
  for (const [name, [ours, theirs]] of Object.entries(pairs)) {
    const [a, b] = [rates.get(ours), rates.get(theirs)]
    if (a && b) ratios[name] = rounded(pairedRatio(a, b))
  }
  return ratios
}
