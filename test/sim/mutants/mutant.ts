/** A change of one compiled file. */
export interface Edit {
  /** Below the root of the repository. */
  readonly file: string
  /** Stands there exactly once. */
  readonly find: string
  readonly replace: string
}

/** A realistic mistake, to be planted in the product for a test: the simulator has to notice it. */
export interface Mutant {
  readonly name: string
  /** The mistake, in one sentence. */
  readonly story: string
  /** All of them are made. */
  readonly edits: readonly Edit[]
}

/** A mistake in one place of `package`'s compiled `file`. */
export function mutant(name: string, story: string, file: string, find: string, replace: string): Mutant {
  return { name, story, edits: [edit(file, find, replace)] }
}

/** @param file `<package>/<file>` for `packages/<package>/dist/src/<file>.js` */
export function edit(file: string, find: string, replace: string): Edit {
  const [name, path] = file.split('/')
  return { file: `packages/${name}/dist/src/${path}.js`, find, replace }
}

/** Plants a mutant in the source of one of its files.
 *  @throws Error where what it replaces does not stand there exactly once: the product has changed */
export function plant({ name, edits }: Mutant, file: string, source: string): string {
  return edits
    .filter(edit => edit.file === file)
    .reduce((text, { find, replace }) => {
      const times = text.split(find).length - 1
      if (times === 1) return text.replace(find, () => replace)
      throw new Error(`the mutant ${name} does not fit ${file}: what it replaces stands there ${times} times`)
    }, source)
}
