import { Console } from 'node:console'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import type { Logger } from './logger.ts'
import { createOutageLog } from './outage-log.ts'

test('console is a logger: fields and message arrive', () => {
  const stdout = new PassThrough()
  const stderr = new PassThrough()
  const logger: Logger = new Console({ stdout, stderr })
  const outages = createOutageLog({ logger, began: 'partition waits', ended: 'partition continues' })
  outages.failed(Object.assign(new Error('cut'), { code: 'ECONNRESET' }), 3)
  outages.ended(3)
  const global: Logger = console
  expect(String(stderr.read())).toMatch(/partition: 3[\s\S]*Error: cut[\s\S]*partition waits/)
  expect(String(stdout.read())).toMatch(/partition: 3.*partition continues/)
  expect(typeof global.warn).toBe('function')
})
