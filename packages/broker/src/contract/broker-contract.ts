import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Broker } from '../broker.ts'
import { appending } from './appending.ts'
import { beginnings } from './beginnings.ts'
import { type BrokerUnderTest, type Case, type Damage, has, type Place, type World } from './contract-case.ts'
import { damages } from './damages.ts'
import { hinting } from './hinting.ts'
import { limits } from './limits.ts'
import { reading } from './reading.ts'
import { restarts } from './restarts.ts'
import { topics } from './topics.ts'

export { makeMessage, makeMessages, offsetsOf, readToTheEnd, readUntil } from './messages.ts'
export type { BrokerUnderTest, Damage, Place }

const cases: readonly Case[] = [
  ...topics,
  ...appending,
  ...limits,
  ...reading,
  ...damages,
  ...beginnings,
  ...hinting,
  ...restarts,
]

/** The names of the cases that have a log begin later than at 1. */
export const beginningCases: readonly string[] = beginnings.map(({ name }) => name)

/** The cases that do not apply to an adapter, each with its reason. */
export type Skips = Readonly<Record<string, string>>

/**
 * The promises of the broker port as tests. `start` gives the adapter on a real server, `name` heads the report. What the
 * adapter's traits leave out must equal `skips`, so that nothing is left out unseen.
 */
export function testBroker(
  name: string,
  start: () => Promise<BrokerUnderTest> | BrokerUnderTest,
  skips: Skips = {},
): void {
  describe(`the ${name} broker`, () => {
    let world: World
    const opened: Broker[] = []

    beforeAll(async () => {
      world = await makeWorld(await start(), opened)
    })
    afterAll(async () => {
      await Promise.all(opened.map((broker) => broker.close()))
    })

    for (const { name, needs, run } of cases) {
      test(name, async (context) => {
        if (needs && !(await has(needs, world))) return context.skip(skips[name] ?? `it needs ${needs}`)
        await run(world)
      })
    }

    test('nothing is left out but what stands in the list, with its reason', async () => {
      const left = await Promise.all(
        cases.map(async ({ name, needs }) => (needs && !(await has(needs, world)) ? [name] : [])),
      )
      expect(left.flat().sort()).toEqual(Object.keys(skips).sort())
    })
  })
}

async function makeWorld(subject: BrokerUnderTest, opened: Broker[]): Promise<World> {
  let count = 0
  const open = async () => {
    const broker = await subject.open()
    opened.push(broker)
    return broker
  }
  const broker = await open()
  const freshName = () => `contract${process.pid}-${++count}`
  return {
    subject,
    broker,
    freshName,
    freshTopic: (partitions = 1) => broker.topic({ name: freshName(), epoch: 1, partitions }),
    reopened: async ({ name, epoch, partitions }) => (await open()).topic({ name, epoch, partitions }),
  }
}
