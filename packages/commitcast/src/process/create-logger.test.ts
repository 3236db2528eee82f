import { createOutageLog, type Logger } from '@commitcast/worker'
import { pino } from 'pino'
import { expect, test } from 'vitest'

test('a logger of pino is a logger: fields and message arrive', () => {
  const lines: Record<string, unknown>[] = []
  const logger: Logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(JSON.parse(line)) })
  const outages = createOutageLog({ logger, began: 'partition waits', ended: 'partition continues' })
  outages.failed(Object.assign(new Error('cut'), { code: 'ECONNRESET' }), 3)
  outages.ended(3)
  expect(lines).toMatchObject([
    { level: 40, partition: 3, err: { message: 'cut', code: 'ECONNRESET' }, msg: 'partition waits' },
    { level: 30, partition: 3, msg: 'partition continues' },
  ])
})
