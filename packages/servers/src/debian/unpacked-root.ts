import { constants, existsSync } from 'node:fs'
import { access, readdir, readlink, writeFile } from 'node:fs/promises'
import { dirname, isAbsolute, join } from 'node:path'

/** The program in a folder of unpacked packages; the one in `usr/lib` first, for `usr/bin` may hold a script for it. */
export async function programIn(root: string, packageName: string, programName: string): Promise<string | undefined> {
  for (const place of [`usr/lib/${packageName}`, 'usr/sbin', 'usr/bin']) {
    const path = join(root, place, programName)
    if (
      await access(path, constants.X_OK).then(
        () => true,
        () => false,
      )
    )
      return path
  }
  return undefined
}

/** What a program needs in its environment to find libraries and fonts below `root` instead of below `/`. */
export async function environmentIn(root: string): Promise<Record<string, string>> {
  const libraries = await libraryFolders(root)
  return {
    ...(libraries.length > 0 && { LD_LIBRARY_PATH: libraries.join(':') }),
    ...(existsSync(fontsFile(root)) && { FONTCONFIG_FILE: fontsFile(root) }),
  }
}

/**
 * Writes a configuration under which fonts unpacked into `root` are found when it lies at `home`. It takes the
 * machine's configuration, or the unpacked one where the machine has none, and adds the folder of fonts.
 */
export async function addFonts(root: string, home: string): Promise<void> {
  if (!existsSync(join(root, 'usr/share/fonts'))) return
  const base = existsSync(fontsConfig) ? fontsConfig : join(home, fontsConfig)
  const includes = [base, ...(await fontRules(root, home))]
  await writeFile(
    fontsFile(root),
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
${includes.map((path) => `  <include ignore_missing="yes">${path}</include>`).join('\n')}
  <dir>${home}/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`,
  )
}

const fontsConfig = '/etc/fonts/fonts.conf'

/** The rules beside the unpacked configuration. They are links, and absolute ones point out of `root`: they are led back. */
async function fontRules(root: string, home: string): Promise<string[]> {
  const folder = join('etc', 'fonts', 'conf.d')
  const names = await readdir(join(root, folder)).catch(() => [])
  const rules = names.filter((name) => /^\d.*\.conf$/.test(name)).sort()
  return Promise.all(
    rules.map(async (name) => {
      const target = await readlink(join(root, folder, name)).catch(() => '')
      return isAbsolute(target) ? join(home, target) : join(home, folder, name)
    }),
  )
}

function fontsFile(root: string): string {
  return join(root, 'commitcast-fonts.conf')
}

/** The folders with shared libraries, sorted, so that the answer is always the same. */
async function libraryFolders(root: string): Promise<string[]> {
  const found = new Set<string>()
  for (const top of ['lib', 'usr/lib']) {
    const files = await readdir(join(root, top), { recursive: true }).catch(() => [])
    for (const file of files) if (/(^|\/)lib[^/]*\.so[.\d]*$/.test(file)) found.add(dirname(join(root, top, file)))
  }
  return [...found].sort()
}
