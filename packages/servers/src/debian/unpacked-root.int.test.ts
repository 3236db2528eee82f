import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { addFonts, environmentIn, programIn } from './unpacked-root.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'root-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function put(path: string, mode = 0o644): Promise<void> {
  await mkdir(dirname(join(root, path)), { recursive: true })
  await writeFile(join(root, path), '', { mode })
}

test('the program itself is preferred to a script of the same name in usr/bin', async () => {
  await put('usr/bin/chromium', 0o755)
  await put('usr/lib/chromium/chromium', 0o755)
  expect(await programIn(root, 'chromium', 'chromium')).toBe(join(root, 'usr/lib/chromium/chromium'))
})

test('a file that cannot be run is no program', async () => {
  await put('usr/sbin/nats-server')
  expect(await programIn(root, 'nats-server', 'nats-server')).toBeUndefined()
})

test('every folder with shared libraries is searched for them, and no other', async () => {
  for (const file of [
    'lib/x86_64-linux-gnu/liba.so.1',
    'usr/lib/x/libb.so',
    'usr/lib/y/plugin.so',
    'usr/lib/z/c.txt',
  ]) {
    await put(file)
  }
  expect(await environmentIn(root)).toEqual({
    LD_LIBRARY_PATH: [join(root, 'lib/x86_64-linux-gnu'), join(root, 'usr/lib/x')].join(':'),
  })
})

test('a program that brings nothing needs nothing in its environment', async () => {
  expect(await environmentIn(root)).toEqual({})
})

test('unpacked fonts and their rules are found at the place where they will lie', async () => {
  await put('usr/share/fonts/some.ttf')
  await mkdir(join(root, 'etc/fonts/conf.d'), { recursive: true })
  await symlink('/usr/share/fontconfig/conf.avail/10-a.conf', join(root, 'etc/fonts/conf.d/10-a.conf'))
  await symlink('../conf.avail/20-b.conf', join(root, 'etc/fonts/conf.d/20-b.conf'))
  await addFonts(root, '/home/of/it')
  const { FONTCONFIG_FILE = '' } = await environmentIn(root)
  const config = await readFile(FONTCONFIG_FILE, 'utf8')
  expect(config).toContain(
    '<include ignore_missing="yes">/home/of/it/usr/share/fontconfig/conf.avail/10-a.conf</include>',
  )
  expect(config).toContain('<include ignore_missing="yes">/home/of/it/etc/fonts/conf.d/20-b.conf</include>')
  expect(config).toContain('<dir>/home/of/it/usr/share/fonts</dir>')
})
