import { pairedRatio, rounded } from '../figures.ts'

/** CPU microseconds of each row's rounds. */
export type Costs = ReadonlyMap<string, readonly number[]>

/** What others cost and Commitcast costs, round by round. A ratio is missing where one of its rows was not run. */
export function fanoutRatios(costs: Costs): Readonly<Record<string, number>> {
  const pairs = {
    ofRawWs300: ['commitcast-300', 'raw-300'],
    ofRawWs4k: ['commitcast-4k', 'raw-4k'],
    vanillaOverOurs300: ['vanilla-300', 'commitcast-300-slow'],
    vanillaOverOurs4k: ['vanilla-4k', 'commitcast-4k-slow'],
    socketioOverOurs300: ['socketio-300', 'commitcast-300'],
    socketioOverOurs4k: ['socketio-4k', 'commitcast-4k'],
    vanillaSseOverOurs300: ['vanillaSse-300', 'commitcastSse-300'],
    vanillaSseOverOurs4k: ['vanillaSse-4k', 'commitcastSse-4k'],
    ofRawWsBursts300: ['commitcast-300-bursts', 'raw-300-bursts'],
  } as const
  const ratios: Record<string, number> = {}
  for (const [name, [a, b]] of Object.entries(pairs)) {
    const [above, below] = [costs.get(a), costs.get(b)]
    if (above && below) ratios[name] = rounded(pairedRatio(above, below))
  }
  return ratios
}
