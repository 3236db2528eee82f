import { eventually } from '@commitcast/worker'
import { expect } from 'vitest'
import { HintTooLarge } from '../errors.ts'
import { maxHintBytes } from '../hints.ts'
import type { Case, World } from './contract-case.ts'

/** Hints: sent to everyone who listens now, and not stored. */
export const hinting: readonly Case[] = [
  {
    name: 'a hint comes whole to everybody who listens to its name, in its own process and in others',
    needs: 'hints',
    async run(world) {
      await using heard = await listenOn(world, ['own', 'other'])
      const largest = `${JSON.stringify('ä "日本" 🚀 \r\n % \u0001 ')} `
      const text = largest.padEnd(maxHintBytes - (new TextEncoder().encode(largest).length - largest.length), 'x')
      await heard.send(text)
      await eventually(() => expect(heard.texts()).toEqual([[text], [text]]))
    },
  },
  {
    name: 'each listener hears a hint at most once, and only of its own name',
    needs: 'hints',
    async run(world) {
      await using heard = await listenOn(world, ['own', 'other'])
      await world.broker.hints!.send(world.freshName(), 'for others')
      for (let n = 0; n < 50; n++) await heard.send(`${n}`)
      await heard.send('end')
      await eventually(() => expect(heard.texts().map((texts) => texts.at(-1))).toEqual(['end', 'end']))
      for (const texts of heard.texts()) expect(new Set(texts).size).toBe(texts.length)
      expect(heard.texts().flat()).not.toContain('for others')
    },
  },
  {
    name: 'who stops listening hears nothing more; the others do',
    needs: 'hints',
    async run(world) {
      await using heard = await listenOn(world, ['own', 'other'])
      await heard.stopFirst()
      await heard.send('later')
      await eventually(() => expect(heard.texts()).toEqual([[], ['later']]))
    },
  },
  {
    name: 'a hint that some broker would not take is refused',
    needs: 'hints',
    async run({ broker, freshName }) {
      const refusal = await broker.hints!.send(freshName(), 'ä'.repeat(maxHintBytes / 2 + 1)).catch((error) => error)
      expect(refusal).toBeInstanceOf(HintTooLarge)
      expect(refusal.message).toMatch(/has 7502 bytes; at most 7500/)
    },
  },
  {
    name: 'a closed broker refuses hints and ends its listening',
    needs: 'hints',
    async run({ subject, freshName }) {
      const broker = await subject.open()
      const name = freshName()
      const listening = broker.hints!.listen(name, { signal: AbortSignal.timeout(20_000), onHint() {} })
      await eventually(() => broker.hints!.send(name, 'x'))
      await broker.close()
      await listening
      await expect(broker.hints!.send(name, 'x')).rejects.toThrow('closed')
    },
  },
  {
    name: 'listening continues after the server was killed and restarted',
    needs: 'hints that outlive a server',
    async run(world) {
      await using heard = await listenOn(world, ['own'])
      await world.subject.restart!()
      await eventually(async () => {
        await heard.send('after')
        expect(heard.texts()[0]).toContain('after')
      }, 60_000)
    },
  },
]

/** Listeners of a fresh name, on this broker or another one, who all hear by now. */
async function listenOn({ broker, subject, freshName }: World, places: readonly ('own' | 'other')[]) {
  const name = freshName()
  const listeners = await Promise.all(
    places.map(async (place) => {
      const at = place === 'own' ? broker : await subject.open()
      const stopping = new AbortController()
      const texts: string[] = []
      const done = at.hints!.listen(name, { signal: stopping.signal, onHint: (text) => texts.push(text) })
      const stop = async () => {
        stopping.abort()
        await done
      }
      return { texts, stop, close: () => (place === 'own' ? undefined : at.close()) }
    }),
  )
  const send = (text: string) => broker.hints!.send(name, text)
  await eventually(async () => {
    await send('hello')
    for (const { texts } of listeners) expect(texts).toContain('hello')
  })
  return {
    send,
    /** What each heard, without the greetings. */
    texts: () => listeners.map(({ texts }) => texts.filter((text) => text !== 'hello')),
    stopFirst: () => listeners[0]!.stop(),
    async [Symbol.asyncDispose]() {
      for (const listener of listeners) {
        await listener.stop()
        await listener.close()
      }
    },
  }
}
