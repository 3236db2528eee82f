import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, globSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const web = fileURLToPath(new URL('../../web', import.meta.url))

/** Builds the web pages where they are missing or older than their sources. */
export async function buildPages(): Promise<void> {
  const built = join(web, 'dist/index.html')
  if (existsSync(built) && statSync(built).mtimeMs > newestSource()) return
  const vite = join(dirname(createRequire(join(web, 'package.json')).resolve('vite/package.json')), 'bin/vite.js')
  const child = spawn(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd: web, stdio: 'inherit' })
  const [code] = await once(child, 'exit')
  if (code !== 0) throw new Error(`Building the pages failed (vite ended with ${code}); its words are above.`)
}

function newestSource(): number {
  const sources = globSync(['index.html', 'vite.config.ts', 'src/**/*', '../../packages/{client,events}/src/**/*'], {
    cwd: web,
  })
  return Math.max(...sources.map((source) => statSync(join(web, source)).mtimeMs))
}
