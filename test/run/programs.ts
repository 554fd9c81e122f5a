import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build, type Plugin } from 'esbuild'

/** Where a test process finds the programs of this run; unset where a test is started by itself. */
export const PROGRAMS_VARIABLE = 'TEST_PROGRAMS'

/** What they lie at, as in the package of the server. */
const PROGRAMS = {
  'dist/src/cli/main': 'packages/server/dist/src/cli/main.js',
  'dist/src/cluster/guard-process': 'packages/server/dist/src/cluster/guard-process.js',
  'node-process': 'test/dist/cluster/node-process.js',
}
/** What the server reads beside its code. */
const BESIDE = ['package.json', 'bin', 'balancer']
/** Files of their own stand beside these: addons, threads, pages. */
const APART = /^(?:classic-level|pino|pino-pretty|@fastify\/swagger|@fastify\/swagger-ui)$/
/** What was written for CommonJS asks for Node's own modules by `require`. */
const BANNER = "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url)"

/** The programs that tests start some hundred times, each put into a few files for one run: to load its modules one by one takes a
 *  node half of the processor time of its start. What runs is the same compiled code. */
export class Programs {
  private constructor(readonly dir: string) {}

  static async bundle(root: string): Promise<Programs> {
    mkdirSync(join(root, '.tmp'), { recursive: true })
    const programs = new Programs(mkdtempSync(join(root, '.tmp', 'programs-')))
    const { dir } = programs
    // However the run ends.
    process.once('exit', () => rmSync(dir, { recursive: true, force: true }))
    const server = join(root, 'packages/server')
    for (const name of BESIDE) cpSync(join(server, name), join(dir, name), { recursive: true })
    await build({
      entryPoints: Object.fromEntries(Object.entries(PROGRAMS).map(([name, path]) => [name, join(root, path)])),
      ...{ outdir: dir, bundle: true, splitting: true, platform: 'node', format: 'esm' },
      ...{ banner: { js: BANNER }, keepNames: true, logLevel: 'error', plugins: [leftApart, inPlace(server, dir)] },
    })
    return programs
  }

  get env(): NodeJS.ProcessEnv {
    return { [PROGRAMS_VARIABLE]: this.dir }
  }
}

/** Each of them in the version that its importer would get. */
const leftApart: Plugin = {
  name: 'left apart',
  setup({ onResolve }) {
    onResolve({ filter: APART }, ({ path, importer }) => ({
      path: createRequire(importer).resolve(path),
      external: true,
    }))
  },
}

/** The server's modules find what lies beside them by their URLs: each has the one below `dir` that it would have had. */
function inPlace(server: string, dir: string): Plugin {
  return {
    name: 'in place',
    setup({ onLoad }) {
      onLoad({ filter: /\/packages\/server\/dist\/src\/.*\.js$/ }, ({ path }) => {
        const { href } = pathToFileURL(join(dir, relative(server, path)))
        return { contents: readFileSync(path, 'utf8').replaceAll('import.meta.url', JSON.stringify(href)) }
      })
    },
  }
}
