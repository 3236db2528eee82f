import { expect, test } from 'vitest'
import { createJsonLogger } from './json-logger.ts'

function openLog(level: 'info' | 'warn') {
  const lines: string[] = []
  const logger = createJsonLogger({ name: 'shop', level, write: (line) => void lines.push(line) })
  return { logger, last: () => JSON.parse(lines.at(-1)!), lines }
}

test('a line is one JSON object with level, time, name, fields and message', () => {
  const { logger, last, lines } = openLog('info')
  logger.warn({ code: 'LISTEN_FAILED', partition: 3, offset: 12n }, 'two\nlines')
  expect(last()).toMatchObject({ level: 40, name: 'shop', pid: process.pid, partition: 3, offset: '12' })
  expect(last()).toMatchObject({ code: 'LISTEN_FAILED', msg: 'two\nlines' })
  expect(Date.parse(last().time)).toBeGreaterThan(0)
  expect(lines[0]!.split('\n')).toHaveLength(2)
})

test('lines below the level are not written', () => {
  const { logger, lines } = openLog('warn')
  logger.debug({}, 'not written')
  logger.info({}, 'not written')
  logger.error({}, 'written')
  expect(lines).toHaveLength(1)
})

test('an error is written with its type, code, stack and causes, and without a client of pg', () => {
  const { logger, last } = openLog('info')
  const cause = Object.assign(new TypeError('inner'), { client: { secretKey: 'abc' } })
  logger.error({ err: Object.assign(new Error('outer', { cause }), { code: '57P01' }) }, 'stopped')
  expect(last().err).toMatchObject({ type: 'Error', message: 'outer', code: '57P01', cause: { type: 'TypeError' } })
  expect(last().err.stack).toMatch(/json-logger\.test/)
  expect(JSON.stringify(last())).not.toContain('abc')
  logger.error({ err: new AggregateError([new Error('one'), new Error('two')]) }, 'stopped')
  expect(last().err.errors).toMatchObject([{ message: 'one' }, { message: 'two' }])
})

test('nothing that is logged makes it throw', () => {
  const { logger, last } = openLog('info')
  const circular: { self?: unknown } = {}
  circular.self = circular
  logger.warn({ code: 'KEPT', circular, err: Object.assign(new Error('kept'), { circular }) }, 'circular')
  expect(last()).toMatchObject({ code: 'KEPT', circular: '[object]', err: { message: 'kept' }, msg: 'circular' })
  const own = new Error('its own cause')
  own.cause = own
  logger.warn({ err: own }, 'circular cause')
  expect(last().err).toMatchObject({ message: 'its own cause', cause: 'its own cause' })
})
