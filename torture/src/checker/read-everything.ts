import { sleep } from '@commitcast/worker'
import type { BrokerLog, Found } from './broker-log.ts'

const attempts = 40

/** All messages of a partition, as the broker has them now. */
export async function readEverything(log: BrokerLog, partition: number): Promise<Found[]> {
  const all: Found[] = []
  for (let attempt = 0; attempt < attempts; attempt++) {
    try {
      const { last } = await log.bounds(partition)
      for (;;) {
        const after = all.at(-1)?.offset ?? 0
        if (after >= last) return all
        const messages = await log.read(partition, after, last)
        if (messages.length === 0) break
        for (const message of messages) all.push(message)
      }
    } catch {
      // An outage that is about to end: faults are over.
    }
    await sleep(250)
  }
  throw new Error(`Partition ${partition} can not be read to its end on the broker.`)
}
