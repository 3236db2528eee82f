import { globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** The files of a package and what each of them imports from it: types, too, because a reader follows those as well. */
export function importsOf(packageFolder: string): Map<string, readonly string[]> {
  const files = globSync('src/**/*.{ts,tsx}', { cwd: packageFolder }).map((path) => join(packageFolder, path))
  return new Map(files.map((file) => [file, importsIn(readFileSync(file, 'utf8'), dirname(file))]))
}

/** Biome formats every import and export alike, so that their text is enough. */
export function importsIn(source: string, folder: string): readonly string[] {
  const statements = /^(?:import|export)\b[^'"]*?\bfrom '(\.[^']+)'|^import '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm
  return [...source.matchAll(statements)].map(([, from, plain, call]) => join(folder, from ?? plain ?? call!))
}
