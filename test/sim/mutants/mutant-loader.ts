// Given to a process by --import, with ?name=: plants the mutant of that name in the modules that are loaded from now on.
import { register } from 'node:module'
import { mutantOf } from './mutants.js'

const mutant = mutantOf(new URL(import.meta.url).searchParams.get('name') ?? '')
register('./mutant-hooks.js', import.meta.url, { data: mutant })
