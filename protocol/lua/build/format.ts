/** StyLua, with the project's settings. */
import {
  CollapseSimpleStatement,
  Config,
  formatCode,
  IndentType,
  LuaVersion,
  OutputVerification,
} from "@johnnymorganz/stylua";

/** @throws if the text is no Lua */
export function formatLua(text: string): string {
  const config = Config.new();
  config.syntax = LuaVersion.Lua51;
  config.column_width = 110;
  config.indent_type = IndentType.Spaces;
  config.indent_width = 2;
  config.collapse_simple_statement = CollapseSimpleStatement.ConditionalOnly;
  return formatCode(text, config, undefined, OutputVerification.Full);
}
