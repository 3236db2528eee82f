import { cp, rm } from 'node:fs/promises'
import type { Server } from '@commitcast/servers'
import { sleep } from '@commitcast/worker'
import type { Random } from '../random.ts'
import type { Scene } from './faults.ts'

const growMs = 8_000

/**
 * Puts an older copy of a broker's data in the place of what it has, so that its newest messages are gone. Says whether
 * there were any. `stored` says how many messages it has.
 */
export async function loseTail(
  server: Server,
  { folder, random, stored }: { folder: string; random: Random; stored: Scene['stored'] },
): Promise<boolean> {
  const before = await answered(stored)
  const copy = await copyData(server, folder)
  const hasGrown = await grows(stored, before)
  await sleep(random.int(0, 400))
  await copy.putBack()
  return hasGrown
}

/** Halts a broker, copies its data into `folder` and starts it again. */
export async function copyData(server: Server, folder: string): Promise<{ putBack(): Promise<void> }> {
  const { dataFolder } = server
  if (dataFolder === undefined) throw new Error(`${server.origin} has no folder here: set TEST_SERVERS=local.`)
  const copy = `${folder}/older-copy`
  await server.halt()
  await cp(dataFolder, copy, { recursive: true })
  await server.restart()
  return {
    async putBack() {
      await server.halt()
      await rm(dataFolder, { recursive: true, force: true })
      await cp(copy, dataFolder, { recursive: true })
      await server.restart()
      await rm(copy, { recursive: true, force: true })
    },
  }
}

async function answered(stored: Scene['stored']): Promise<number> {
  for (const end = Date.now() + growMs; Date.now() < end; await sleep(100)) {
    const now = await stored()
    if (now !== undefined) return now
  }
  return Number.POSITIVE_INFINITY
}

async function grows(stored: Scene['stored'], before: number): Promise<boolean> {
  for (const end = Date.now() + growMs; Date.now() < end; await sleep(100)) {
    const now = await stored()
    if (now !== undefined && now > before) return true
  }
  return false
}
