import { expect, test } from 'vitest'
import { serverOf } from './server.ts'

function recorded() {
  const done: string[] = []
  const act = (name: string) => async (): Promise<void> => {
    done.push(`${name} begins`)
    await Promise.resolve()
    done.push(`${name} ends`)
  }
  const verbs = {
    stop: act('stop'),
    halt: act('halt'),
    kill: act('kill'),
    restart: act('restart'),
    pause: act('pause'),
    resume: act('resume'),
  }
  return { done, server: serverOf({ url: 'x://', origin: 'a test server' }, verbs) }
}

test('calls are carried out one after the other', async () => {
  const { done, server } = recorded()
  await Promise.all([server.kill(), server.restart()])
  expect(done).toEqual(['kill begins', 'kill ends', 'restart begins', 'restart ends'])
})

test('stopping twice is done once', async () => {
  const { done, server } = recorded()
  await Promise.all([server.stop(), server[Symbol.asyncDispose]()])
  expect(done).toEqual(['stop begins', 'stop ends'])
})

test('a stopped server refuses the other verbs', async () => {
  const { server } = recorded()
  await server.stop()
  await expect(server.restart()).rejects.toThrow(
    'Cannot restart a test server: it was stopped for good. Start a new one.',
  )
})
