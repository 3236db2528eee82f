import { memoryBroker } from '@commitcast/broker/memory'
import { partitions } from '../../sample-event.ts'
import type { Contender, Wire } from '../contender.ts'
import { dataOf, liveMessageOf, placeOf } from '../sample-live.ts'
import { serveTopic } from '../serve-topic.ts'

/** Commitcast's hub with defaults, over a live topic in this process's memory. */
export function commitcast(wire: Wire): Contender {
  return {
    wire,
    async serve(size) {
      const topic = await memoryBroker().topic({ name: 'bench-live', epoch: 1, partitions })
      const { port, followers } = await serveTopic(topic)
      return {
        port,
        get followers() {
          return followers()
        },
        publish(n) {
          const { partition, offset } = placeOf(n)
          return topic.append(partition, offset - 1, [liveMessageOf(n, dataOf(n, size))])
        },
      }
    },
  }
}
