import { constants, existsSync } from 'node:fs'
import { access, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'

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
  const fonts = join(root, 'etc', 'fonts')
  return {
    ...(libraries.length > 0 && { LD_LIBRARY_PATH: libraries.join(':') }),
    ...(existsSync(fonts) && { FONTCONFIG_PATH: fonts }),
    ...(existsSync(fontsFile(root)) && { FONTCONFIG_FILE: fontsFile(root) }),
  }
}

/** Fonts below `root` are found through a configuration that adds their folder to the usual one; `home` is `root` later. */
export async function addFonts(root: string, home: string): Promise<void> {
  if (!existsSync(join(root, 'usr', 'share', 'fonts'))) return
  const usual = existsSync(join(root, 'etc', 'fonts', 'fonts.conf')) ? join(home, 'etc', 'fonts') : '/etc/fonts'
  await writeFile(
    fontsFile(root),
    `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "urn:fontconfig:fonts.dtd">
<fontconfig>
  <include ignore_missing="yes">${usual}/fonts.conf</include>
  <dir>${home}/usr/share/fonts</dir>
  <cachedir prefix="xdg">fontconfig</cachedir>
</fontconfig>
`,
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
