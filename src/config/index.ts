/** Public face of the configuration. */
export type { Config, ControllerConfig, PortConfig, SimulatedHost, TargetConfig } from './config.js'
export { checkConfig, loadConfig, noSource } from './load.js'
export { ConfigError, formatPath, formatProblem } from './problem.js'
export type { Path, Problem } from './problem.js'
export { LOCAL_PORT, MAX_PORT_NUMBER, configJsonSchema } from './schema.js'
export { defaultPipelineFiles, packageRoot, productVersion } from './package-files.js'
export { readYaml } from './yaml-source.js'
export type { Source } from './yaml-source.js'
