import { encodeCursor } from '@commitcast/events'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { type BrokerServer, brokerServers, openOldShop } from './open-old-shop.ts'

const range = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, index) => first + index)

type Kind = keyof typeof brokerServers
type OldShop = Awaited<ReturnType<typeof openOldShop>>

const isLeftOut = (...kinds: readonly Kind[]) => kinds.includes('nats') && !inject('natsCanBegin')
const alone: readonly Kind[] = ['memory', 'nats', 'postgres']
const pairs: readonly (readonly [Kind, Kind])[] = [
  ['memory', 'postgres'],
  ['nats', 'postgres'],
  ['postgres', 'nats'],
]

describe.for(alone)('on %s, after retention', (kind) => {
  const it = test.skipIf(isLeftOut(kind))

  it('the live topic begins with the first event that is kept, when enrichment is added later', async () => {
    await using server = await brokerServers[kind]()
    await using shop = await openOldShop()
    await carryAndRetire(shop, server)
    await server.purge?.(`${shop.app}-events`)
    await shop.write(0, 3)
    const app = await shop.run(server, ['relay', 'stream'])
    // Where the broker keeps the events longer than the outbox, it has the first.
    const first = server.purge ? 21 : 1
    expect(await app.offsets('live', 33)).toEqual(range(first, 33))
    expect(shop.beginnings()).toEqual(first > 1 ? [`${shop.app}-live ${first}`] : [])
  })

  it('a live log that is deleted while workers run is made again from the first event that is kept', async () => {
    await using server = await brokerServers[kind]()
    await using shop = await openOldShop()
    await carryAndRetire(shop, server)
    const app = await shop.run(server, ['relay', 'stream'])
    await app.offsets('live', 30)
    const client = app.follow()
    await eventually(() => expect(client.kinds).toContain('live'))
    await server.purge?.(`${shop.app}-events`)
    await server.drop(`${shop.app}-live`)
    await shop.write(0, 5)
    const first = server.purge ? 21 : 1
    expect(await app.offsets('live', 35)).toEqual(range(first, 35))
    await eventually(() => expect(client.offsets.slice(-5)).toEqual(range(31, 35)))
    const node = await shop.run(server, ['consume'])
    const late = node.follow(encodeCursor({ epoch: 1, offsets: [5] }))
    await eventually(() => expect(late.kinds[0]).toBe(first > 1 ? 'resync: retention' : 'event'))
  })

  it('a live log that is purged while workers run continues at its end', async (context) => {
    await using server = await brokerServers[kind]()
    if (!server.purge) return context.skip('Postgres has no purge')
    await using shop = await openOldShop()
    await carryAndRetire(shop, server)
    const app = await shop.run(server, ['relay', 'stream'])
    await app.offsets('live', 30)
    await server.purge(`${shop.app}-events`)
    await server.purge(`${shop.app}-live`)
    await shop.write(0, 5)
    expect(await app.offsets('live', 35)).toEqual(range(31, 35))
    expect(shop.beginnings()).toEqual([])
  })

  it('an events log that is deleted while workers run begins with the first event that the outbox has', async () => {
    await using server = await brokerServers[kind]()
    await using shop = await openOldShop()
    await carryAndRetire(shop, server)
    const app = await shop.run(server, ['relay', 'stream', 'consume'])
    await eventually(async () => expect(await shop.seen()).toEqual(range(1, 30)))
    await app.offsets('live', 30)
    await server.drop(`${shop.app}-events`)
    await shop.write(0, 5)
    expect(await app.offsets('events', 35)).toEqual(range(21, 35))
    await eventually(async () => expect(await shop.seen()).toEqual(range(1, 35)))
    expect(shop.beginnings()).toContain(`${shop.app}-events 21`)
  })
})

describe.for(pairs)('from %s to %s and back, after retention', ([from, to]) => {
  const it = test.skipIf(isLeftOut(from, to))

  it('offsets stay; a group in progress misses nothing; a client continues, or is told that its cursor is too old', async () => {
    await using before = await brokerServers[from]()
    await using after = await brokerServers[to]()
    await using shop = await openOldShop()
    const old = await shop.run(before, ['relay', 'stream', 'consume'])
    const client = old.follow()
    await eventually(() => expect(client.kinds).toContain('live'))
    await shop.write(9, 20)
    await eventually(() => expect(client.offsets).toEqual(range(1, 20)))
    await eventually(async () => expect((await shop.seen()).length).toBe(20))
    await shop.retire()
    await shop.write(0, 10)
    await eventually(() => expect(client.offsets).toEqual(range(1, 30)))
    const cursorAt = (offset: number) => client.cursors.get(offset)!
    await old.stop()

    const next = await shop.run(after, ['relay', 'stream', 'consume'])
    await shop.write(0, 5)
    expect(await next.offsets('events', 35)).toEqual(range(21, 35))
    expect(await next.offsets('live', 35)).toEqual(range(21, 35))
    expect(shop.beginnings().sort()).toEqual([`${shop.app}-events 21`, `${shop.app}-live 21`])
    const returning = next.follow(cursorAt(25))
    await eventually(() => expect(returning.offsets).toEqual(range(26, 35)))
    expect(returning.kinds).not.toContain('resync: retention')
    const late = next.follow(cursorAt(10))
    await eventually(() => expect(late.kinds).toEqual(['resync: retention', 'live']))
    await eventually(async () => expect(await shop.seen()).toEqual(range(1, 35)))
    await next.stop()

    const again = await shop.run(before, ['relay', 'stream', 'consume'])
    await shop.write(0, 5)
    expect(await again.offsets('events', 40)).toEqual(range(1, 40))
    expect(await again.offsets('live', 40)).toEqual(range(1, 40))
    const back = again.follow(returning.cursors.get(33)!)
    await eventually(() => expect(back.offsets).toEqual(range(34, 40)))
    await eventually(async () => expect(await shop.seen()).toEqual(range(1, 40)))
  })

  it('an old log with messages that ends before what is kept halts, says what helps, and that helps', async () => {
    await using before = await brokerServers[from]()
    await using after = await brokerServers[to]()
    await using shop = await openOldShop()
    await shop.write(9, 10)
    const old = await shop.run(before, ['relay', 'stream'])
    await old.offsets('live', 10)
    await old.stop()
    await shop.write(9, 10)
    const next = await shop.run(after, ['relay', 'stream'])
    expect(await next.offsets('live', 20)).toEqual(range(1, 20))
    await shop.retire()
    await shop.write(0, 5)
    await next.offsets('live', 25)
    await next.stop()

    const again = await shop.run(before, ['relay', 'stream'])
    await eventually(() =>
      expect(JSON.stringify(again.health())).toMatch(/ends at offset 10 on the broker, .* what follows 20.*delete it/),
    )
    expect(await again.offsets('events', 10)).toEqual(range(1, 10))
    await before.drop(`${shop.app}-events`)
    await eventually(() =>
      expect(JSON.stringify(again.health())).toMatch(/-live, partition 0, ends at offset 10, .* offset 20 .*Delete/),
    )
    await before.drop(`${shop.app}-live`)
    expect(await again.offsets('events', 25)).toEqual(range(21, 25))
    expect(await again.offsets('live', 25)).toEqual(range(21, 25))
  })
})

/** Twenty events of a day that is retired by then, and ten that are kept, all of them on the broker. */
async function carryAndRetire(shop: OldShop, server: BrokerServer): Promise<void> {
  await shop.write(9, 20)
  const relay = await shop.run(server, ['relay'])
  await relay.offsets('events', 20)
  await shop.retire()
  await shop.write(0, 10)
  await relay.offsets('events', 30)
  await relay.stop()
}
