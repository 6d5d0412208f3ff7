/** Public face of the compiler. */
export { Compiler, type CompilerOptions, type TargetContents } from './compiler.js'
export { contractOf } from './instances.js'
export { ContractError, type Contract, type Share } from './contract.js'
export type { CompiledPlan, PlannedUpdate, Subject, WantedCount } from './planning.js'
export { targetGroup } from './entries.js'
export { readContract } from './read-contract.js'
