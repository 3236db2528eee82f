import { type Figures, pairedRatios } from '../figures.ts'

/** Commitcast over the others, round by round. A ratio is missing where one of its rows was not run. */
export function enrichRatios(rates: Figures): Readonly<Record<string, number>> {
  return pairedRatios(rates, {
    ofRawLimit: ['commitcast', 'raw'],
    vsPerEventQuery: ['commitcast', 'perEventQuery'],
    vsPerEventQueryAtOnce: ['commitcast', 'perEventQueryAtOnce'],
    projectionVsNaive: ['projection', 'onePerTransaction'],
  })
}
