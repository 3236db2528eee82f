import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BrokerUnavailable } from '@commitcast/broker'
import { makeMessages, offsetsOf, readUntil } from '@commitcast/broker/contract'
import { natsBroker } from '@commitcast/broker/nats'
import { runRelay } from '@commitcast/outbox'
import { startNats } from '@commitcast/servers'
import { describe, expect, inject, test } from 'vitest'
import { eventually } from '../fixtures/eventually.ts'
import { freshDatabase } from '../fixtures/fresh-database.ts'

const shape = { name: 'shop', epoch: 1, partitions: 1 }

describe.skipIf(!inject('natsUrl'))('a NATS server that', () => {
  test('runs without JetStream is told, with what to do', async () => {
    await using server = await startNats({ jetstream: false })
    await using opened = open(server.url)
    await expectOutage(opened.broker.topic(shape), /no JetStream answers. Start the server with -js/)
    await expectOutage(opened.broker.find(shape), /Start the server with -js/)
  })

  test('has JetStream, but not for this account, is told, with what to do', async () => {
    await using server = await startNats({
      config: `accounts {
        SHOP { users: [{ user: shop, password: secret }] }
        OTHER { jetstream: enabled, users: [{ user: other, password: secret }] }
      }`,
    })
    await using opened = open(withUser(server.url, 'shop:secret'))
    await expectOutage(opened.broker.topic(shape), /10039.*Switch JetStream on for this account/)
    await using others = open(withUser(server.url, 'other:secret'))
    expect(await (await others.broker.topic(shape)).last(0)).toBeUndefined()
  })

  test('refuses the user is told, also by the health of a relay that waits; the password is not', async () => {
    await using server = await startNats({ config: passwordConfig('right') })
    await using opened = open(withUser(server.url, 'shop:wrong-secret'))
    const words = /refused this user: .*Authorization Violation.*Fix the user and password/
    await expectOutage(opened.broker.topic(shape), words)

    await using database = await freshDatabase()
    const stopping = new AbortController()
    const relay = runRelay({ ...opened, sql: database.sql, app: 'shop', schema: 'commitcast', signal: stopping.signal })
    await eventually(() =>
      expect(relay.health()).toMatchObject({ ready: false, trouble: expect.stringMatching(words) }),
    )
    expect(JSON.stringify(relay.health())).not.toContain('wrong-secret')
    stopping.abort()
    await relay.done
  })

  test('refuses the user for a while, and lets it in again, finds reader and writer where they were', async (context) => {
    await using server = await startNats({ config: passwordConfig('right') })
    if (!server.dataFolder) return context.skip('the configuration of a server in a container is not at hand')
    const configFile = join(dirname(server.dataFolder), 'nats.conf')
    await using opened = open(withUser(server.url, 'shop:right'))
    const topic = await opened.broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 10))
    const reading = readUntil(topic, { until: 20, ms: 50_000 })

    await writeFile(configFile, passwordConfig('another'))
    await server.restart()
    await eventually(() => expectOutage(topic.last(0), /is cut: AUTHORIZATION_VIOLATION/))
    // Long enough for more refusals than one.
    await eventually(async () => {
      for (let refusals = 0; refusals < 40; refusals++) {
        await expectOutage(topic.append(0, 10, makeMessages(11, 1)), /is cut/)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    })
    await writeFile(configFile, passwordConfig('right'))
    await server.restart()
    await eventually(async () => expect((await topic.last(0))?.offset).toBe(10))
    await topic.append(0, 10, makeMessages(11, 10))
    expect(offsetsOf(await reading).length).toBe(20)
  })

  test('forbids to publish is told by name of the subject, not by a time-out alone', async () => {
    await using server = await startNats({ config: permissions('publish: { deny: "shop.>" }') })
    await using opened = open(withUser(server.url, 'shop:secret'), 1_000)
    const topic = await opened.broker.topic(shape)
    const words = /did not acknowledge .* no permission for publish of "shop.1.0.thing.happened"/
    await expectOutage(topic.append(0, 0, makeMessages(1, 3)), words)
  })

  test('forbids to make streams is told by name of the subject', async () => {
    await using server = await startNats({ config: permissions('publish: { deny: "$JS.API.STREAM.CREATE.>" }') })
    await using opened = open(withUser(server.url, 'shop:secret'), 1_000)
    await expectOutage(opened.broker.topic(shape), /\$JS.API.STREAM.CREATE.shop-1_0/)
  })

  test('is not there is told, with what to do, and found once it is', async () => {
    await using server = await startNats()
    await server.halt()
    await using opened = open(server.url)
    await expectOutage(opened.broker.topic(shape), /can't be reached: .*Check that it runs there, with JetStream/)
    await server.restart()
    expect(await (await opened.broker.topic(shape)).last(0)).toBeUndefined()
  })

  test('takes private inboxes only serves a broker that names its own', async () => {
    await using server = await startNats({ config: permissions('subscribe: { allow: ["_SHOP.>"] }') })
    const broker = natsBroker({
      servers: withUser(server.url, 'shop:secret'),
      connection: { inboxPrefix: '_SHOP' },
    })
    await using _opened = { [Symbol.asyncDispose]: () => broker.close() }
    const topic = await broker.topic(shape)
    await topic.append(0, 0, makeMessages(1, 30))
    expect((await readUntil(topic, { until: 30 })).length).toBe(30)
  })
})

function open(servers: string, timeoutMs = 5_000) {
  const broker = natsBroker({ servers, timeoutMs })
  return { broker, [Symbol.asyncDispose]: () => broker.close() }
}

function withUser(url: string, user: string): string {
  return url.replace('//', `//${user}@`)
}

function passwordConfig(password: string): string {
  return `authorization { user: shop, password: "${password}" }`
}

function permissions(text: string): string {
  return `authorization { users: [{ user: shop, password: secret, permissions: { ${text} } }] }`
}

async function expectOutage(work: Promise<unknown>, words: RegExp): Promise<void> {
  const failure = await work.catch((error: unknown) => error)
  expect(failure).toBeInstanceOf(BrokerUnavailable)
  expect(String(failure)).toMatch(words)
}
