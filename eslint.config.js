import comments from "@eslint-community/eslint-plugin-eslint-comments/configs";
import { defineConfig, globalIgnores } from "eslint/config";
import importSort from "eslint-plugin-simple-import-sort";
import tseslint from "typescript-eslint";
import { noWaiting, project, restrictedImports, restrictedSyntax } from "./eslint.rules.ts";

/** The one wait, and the parts that simulate something slow. Each says at its head what it waits for. */
const waits = ["test/support/until.ts", "test/chaos/pace.ts"];

/**
 * May use `test/chaos/pace.ts`, because time itself is what they test or simulate: the chaos runs; callers that dispatch
 * at a pace that the machine bears while secrets are exchanged; schedules on the real clock, with an outage in the middle.
 */
const paced = ["test/chaos/**", "test/e2e/rotation.test.ts", "test/e2e/live-schedules.ts"];

/** Where a value of a type that the compiler cannot follow is cast on purpose. */
const borders = [];

const sources = [
  "{bench,cli,client,examples,functions,gateway,local,producer,protocol,subscriber}/**",
];

export default defineConfig(
  globalIgnores([
    "node_modules",
    "dist",
    ".wrangler",
    ".signalbox",
    ".cache",
    "coverage",
    "protocol/lua/generated.ts",
  ]),
  tseslint.configs.strictTypeChecked,
  comments.recommended,
  {
    languageOptions: {
      parserOptions: {
        projectService: { allowDefaultProject: ["eslint.config.js"] },
        tsconfigRootDir: import.meta.dirname,
      },
    },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      "@eslint-community/eslint-comments/require-description": "error",
      "max-lines": ["error", { max: 300, skipBlankLines: true, skipComments: true }],
      "max-params": ["error", 4],
      "no-console": "error",
      eqeqeq: "error",
    },
  },
  // Tests wait for events.
  {
    files: ["test/**"],
    ignores: waits,
    rules: { ...noWaiting, "no-restricted-syntax": restrictedSyntax({ casts: true }) },
  },
  {
    files: paced,
    ignores: waits,
    rules: { "no-restricted-imports": restrictedImports({ paced: true }) },
  },
  {
    plugins: { imports: importSort, project },
    rules: {
      // eslint-plugin-simple-import-sort: no dependency of its own, one rule, and an autofix that is stable.
      // perfectionist sorts no better and brings 30 rules and three packages along.
      "imports/imports": ["error", { groups: [["^\\u0000", "^node:", "^@?\\w", "^", "^\\."]] }],
      "imports/exports": "error",
      "project/no-literal-spread": "error",
    },
  },
  {
    files: ["test/**"],
    ignores: [...waits, ...borders],
    rules: { "no-restricted-syntax": restrictedSyntax({}) },
  },
  {
    files: sources,
    ignores: borders,
    rules: {
      "max-lines-per-function": ["error", { max: 100, skipBlankLines: true, skipComments: true }],
      complexity: ["error", 12],
      "no-restricted-syntax": restrictedSyntax({ waits: true }),
    },
  },
  { files: ["*.js"], extends: [tseslint.configs.disableTypeChecked] },
);
