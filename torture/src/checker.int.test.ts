import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startNats } from '@commitcast/servers'
import { expect, test } from 'vitest'
import type { CheckerConfig } from './checker.ts'
import { startChild } from './child.ts'

const answerMs = 60_000

/** A checker, as a run starts it, whose broker is away. `refused` resolves when it has tried to connect; `crashes` says how it ended by itself. */
async function openChecker(brokerUrl: string) {
  await using stack = new AsyncDisposableStack()
  const folder = await mkdtemp(join(tmpdir(), 'commitcast-checker-'))
  stack.defer(() => rm(folder, { recursive: true, force: true }))
  const crashes: string[] = []
  const refused = Promise.withResolvers<void>()
  const config: CheckerConfig = {
    ...{ app: 'torture', partitions: 1, broker: 'nats', brokerUrl, withPurchases: false },
    databaseUrl: 'postgres://127.0.0.1:1/none',
  }
  const checker = startChild('checker', {
    ...{ name: 'checker', config, folder },
    onLine: (line) => line.includes('CONNECTION_REFUSED') && refused.resolve(),
    onCrash: (words) => crashes.push(words),
  })
  stack.defer(() => checker.stop())
  const own = stack.move()
  return { checker, crashes, refused: refused.promise, [Symbol.asyncDispose]: () => own.disposeAsync() }
}

test('a checker that starts while its broker is down waits for it', async () => {
  await using nats = await startNats()
  await nats.kill()
  await using opened = await openChecker(nats.url)
  await Promise.race([opened.refused, opened.checker.ended])
  await nats.restart()
  expect(await opened.checker.ask('progress', answerMs)).toMatchObject({ committed: null })
  expect(opened.crashes).toEqual([])
})

test('the error of a child that ends when it is asked holds the last lines of its log', async () => {
  await using opened = await openChecker('nats://127.0.0.1:1')
  await opened.refused
  const asked = expect(opened.checker.ask('progress', answerMs)).rejects.toThrow(
    /ended \(SIGKILL\).*CONNECTION_REFUSED/s,
  )
  process.kill(opened.checker.pid!, 'SIGKILL')
  await asked
  expect(opened.crashes).toEqual([expect.stringMatching(/checker ended by itself \(SIGKILL\).*CONNECTION_REFUSED/s)])
})
