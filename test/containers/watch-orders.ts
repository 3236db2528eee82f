import { follow } from '@commitcast/client'
import { openShopClient } from '@commitcast/demo-app/shop-client'

/** What happened to an order, as a browser hears of it. */
interface WatchedEvent {
  readonly key: string
  readonly type: string
  readonly metadata: { readonly customer?: { readonly name: string } | undefined }
}

/** Follows all orders; resolves when the subscription is live, with what ends it. */
export async function watchOrders(url: string, onEvent: (event: WatchedEvent) => void): Promise<() => void> {
  const { trpc, close } = openShopClient(url)
  const { promise: live, resolve } = Promise.withResolvers<void>()
  const unfollow = follow(trpc.orders.follow, undefined, {
    onStatus: (status) => status === 'live' && resolve(),
    onEvent,
  })
  await live
  return () => {
    unfollow()
    void close()
  }
}
