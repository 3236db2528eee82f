import { type Figures, pairedRatios } from '../figures.ts'

/** What others cost and Commitcast costs in CPU, round by round. A ratio is missing where one of its rows was not run. */
export function fanoutRatios(costs: Figures): Readonly<Record<string, number>> {
  return pairedRatios(costs, {
    ofRawWs300: ['commitcast-300', 'raw-300'],
    ofRawWs4k: ['commitcast-4k', 'raw-4k'],
    vanillaOverOurs300: ['vanilla-300', 'commitcast-300-slow'],
    vanillaOverOurs4k: ['vanilla-4k', 'commitcast-4k-slow'],
    socketioOverOurs300: ['socketio-300', 'commitcast-300'],
    socketioOverOurs4k: ['socketio-4k', 'commitcast-4k'],
    vanillaSseOverOurs300: ['vanillaSse-300', 'commitcastSse-300'],
    vanillaSseOverOurs4k: ['vanillaSse-4k', 'commitcastSse-4k'],
    ofRawWsBursts300: ['commitcast-300-bursts', 'raw-300-bursts'],
  })
}
