import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { build, type Rolldown } from 'vite'
import { expect, test } from 'vitest'

const folder = fileURLToPath(new URL('.', import.meta.url))
/** No file: what it says is made for each bundle. It lies here, so that packages are found. */
const entry = join(folder, 'bundled.js')

/** Bundles what a page takes of the packages, without what it has anyway; returns its size in bytes, compressed. */
async function gzipBytes(code: string): Promise<number> {
  const [output] = (await build({
    root: folder,
    configFile: false,
    logLevel: 'error',
    plugins: [
      {
        name: 'entry',
        resolveId: (id) => (id.endsWith(entry) ? entry : null),
        load: (id) => (id === entry ? code : null),
      },
    ],
    build: {
      write: false,
      lib: { entry, formats: ['es'] },
      rolldownOptions: { external: [/^@trpc\//, /^react/] },
      minify: true,
    },
  })) as Rolldown.RolldownOutput[]
  const bundle = output!.output.map((part) => (part.type === 'chunk' ? part.code : '')).join('')
  expect(bundle).toMatch(/subscribe|retryDelayMs|~command/)
  return gzipSync(bundle).length
}

test.each([
  ['follow', `export { follow } from '@commitcast/client'`, 1_850],
  ['commandLink', `export { commandLink } from '@commitcast/client'`, 550],
  ['useLiveQuery', `export { useLiveQuery } from '@commitcast/client/react'`, 3_600],
  ['everything', `export * from '@commitcast/client'; export * from '@commitcast/client/react'`, 4_900],
])('%s adds little to a page', async (what, code, most) => {
  const bytes = await gzipBytes(code)
  process.stdout.write(`size of ${what}: ${bytes} bytes with gzip\n`)
  expect(bytes).toBeLessThanOrEqual(most)
})
