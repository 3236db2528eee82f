import { connect } from 'nats'
import { partitions } from '../sample-event.ts'
import { liveStreams, type Place } from './contender.ts'
import type { Order } from './sample-orders.ts'

interface LiveBody {
  readonly data: Order
  readonly metadata: Readonly<Record<'customer' | 'book', { readonly id: string } | undefined>>
}

/** Throws unless the newest live message of each partition has the metadata of its own order. */
export async function checkEnriched(natsUrl: string, place: Pick<Place, 'app'>): Promise<void> {
  const nc = await connect({ servers: natsUrl })
  try {
    const jsm = await nc.jetstreamManager()
    for (let partition = 0; partition < partitions; partition++) {
      const stream = `${liveStreams(place)}_${partition}`
      const { state } = await jsm.streams.info(stream)
      if (state.last_seq === 0) continue
      const { data, metadata } = (await jsm.streams.getMessage(stream, { seq: state.last_seq })).json<LiveBody>()
      if (metadata.customer?.id === data.customerId && metadata.book?.id === data.bookId) continue
      throw new Error(`The last message of ${stream} is not enriched: ${JSON.stringify({ data, metadata })}`)
    }
  } finally {
    await nc.close()
  }
}
