import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import * as client from '@commitcast/client'
import * as server from 'commitcast'
import { expect, test } from 'vitest'

const root = fileURLToPath(new URL('../..', import.meta.url))

interface Found {
  readonly name: string
  readonly file: string
  readonly parent: string
  readonly codes: readonly string[]
}

/** Errors of programs and of development, which no application catches. */
const isInside = (file: string) => /^packages\/(servers\/|commitcast\/src\/cli\/)/.test(file)

/** Every error class of the packages, with its codes as the source has them. */
const classes: readonly Found[] = globSync('packages/*/src/**/*.ts', { cwd: root })
  .filter((file) => !isInside(file) && !file.endsWith('.test.ts'))
  .flatMap((file) => {
    const text = readFileSync(join(root, file), 'utf8')
    const found = text.matchAll(/^(?:export )?(?:abstract )?class (\w+) extends (\w*Error) \{\n(.*?)^\}/gms)
    return [...found].map(([, name = '', parent = '', body = '']) => ({
      name,
      file,
      parent,
      codes: codesOf(body, text),
    }))
  })

/** A literal of the class, or those of the type that its `code` has. */
function codesOf(body: string, text: string): readonly string[] {
  const line = body.split('\n').find((each) => /^ {2}(abstract )?readonly code\b/.test(each)) ?? ''
  const [, alias] = /code: (\w+)$/.exec(line) ?? []
  const from = alias === undefined ? line : (new RegExp(`type ${alias} =(.*?)\\n\\n`, 's').exec(text)?.[1] ?? '')
  return [...new Set([...from.matchAll(/'([A-Z_]+)'/g)].map(([, code = '']) => code))]
}

const ours = classes.filter(({ parent }) => parent === 'CommitcastError')

test('every error class extends the base, but for the one of tRPC', () => {
  const others = classes.filter(({ parent }) => parent !== 'CommitcastError').map(({ name }) => name)
  expect(others.sort()).toEqual(['AccessLost', 'CommitcastError'])
  expect(ours.length).toBeGreaterThan(35)
})

test('every error class is exported from the package that an application installs', () => {
  const exported: Record<string, unknown> = { ...server, FollowError: client.FollowError }
  for (const { name, file } of ours) {
    const found = exported[name] as { readonly prototype: unknown } | undefined
    expect(found?.prototype, `${name} of ${file}`).toBeInstanceOf(server.CommitcastError)
  }
  expect(exported).toHaveProperty('AccessLost')
  expect(client.FollowError.prototype).toBeInstanceOf(client.CommitcastError)
})

test('the page lists each code with its class, those that are retryable, and no other', () => {
  const page = readFileSync(join(root, 'docs/reference/errors.md'), 'utf8')
  const rows = [...page.matchAll(/^\| ([A-Z_]+) +\| `(\w+)` +\| (\*\*retryable\*\*)?/gm)]
  const listed = rows.map(([, code, name, retryable]) => [code, name, retryable !== undefined].join(' '))
  const isRetryable = ({ file, name }: Found) =>
    new RegExp(`class ${name} .*?\\n}`, 's')
      .exec(readFileSync(join(root, file), 'utf8'))?.[0]
      .includes('retryable = true')
  const coded = ours.flatMap((found) => found.codes.map((code) => [code, found.name, isRetryable(found)].join(' ')))
  expect(ours.filter(({ codes }) => codes.length === 0)).toEqual([])
  expect(listed.sort()).toEqual(coded.sort())
})

test('an error says what it is', () => {
  const cause = new Error('no route')
  expect(new server.BrokerUnavailable('away', { cause })).toMatchObject({
    name: 'BrokerUnavailable',
    code: 'BROKER_UNAVAILABLE',
    retryable: true,
    cause,
  })
  expect(new server.KeyReused('again')).toMatchObject({ code: 'KEY_REUSED', retryable: false })
})
