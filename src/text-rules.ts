/** A text is embedded if it has one of these: of white space, controls and invisible characters alone the tokenizer leaves nothing. */
export const VISIBLE = /[^\s\p{Cc}\p{Default_Ignorable_Code_Point}]/u;
