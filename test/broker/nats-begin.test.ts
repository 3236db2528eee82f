import { BrokerUnavailable } from '@commitcast/broker'
import { makeMessages } from '@commitcast/broker/contract'
import { expect, inject, test } from 'vitest'
import { openNats } from './open-nats.ts'

const isOld = inject('natsUrl') !== '' && !inject('natsCanBegin')

test.runIf(isOld)('a server before 2.10 begins no log later, the error says what helps, and that helps', async () => {
  await using nats = await openNats()
  const topic = await nats.broker.topic({ name: 'shop', epoch: 1, partitions: 1 })
  const refusal = await topic.begin(0, 40).catch((error: unknown) => error)
  expect(refusal).toBeInstanceOf(BrokerUnavailable)
  expect(String(refusal)).toMatch(
    /shop-1_0 has to begin at offset 41, .* nats-server 2\.9\.\d+ .* 2\.10 or newer, or run "nats stream purge shop-1_0 --seq 41" and restart/,
  )
  expect(await topic.last(0)).toBeUndefined()
  await nats.streams.purge('shop-1_0', { seq: 41 })
  await nats.server.kill()
  await nats.server.restart()
  await expect.poll(() => topic.last(0).catch(() => undefined), { timeout: 20_000 }).toEqual({ offset: 40, id: '' })
  await topic.begin(0, 40)
  await topic.append(0, 40, makeMessages(41, 3))
  expect(await topic.last(0)).toMatchObject({ offset: 43 })
})
