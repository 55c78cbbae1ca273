/* Shell completions. */
#include <string.h>

#include "tui/cli/cmd_doc.h"

/* Inside single quotes of a shell: ' becomes '\''; zsh also wants [ ] : escaped. */
static void put_quoted(FILE *to, const char *text, bool zsh)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'') {
            fputs("'\\''", to);
            continue;
        }
        if (zsh && strchr("[]:\\", *text) != NULL) {
            putc('\\', to);
        }
        putc(*text, to);
    }
}

static bool is_shown(const mlr_cmd *cmd)
{
    return cmd->group != NULL;
}

static const mlr_opt *option_at(const mlr_cmd *cmd, size_t i)
{
    if (i < cmd->opts) {
        return &cmd->opt[i];
    }
    return i < cmd->opts + MLR_CMD_COMMON_OPTS ? &mlr_common_opts[i - cmd->opts] : NULL;
}

static void put_choices(FILE *to, const char *choices)
{
    for (; *choices != '\0'; choices++) {
        putc(*choices == '|' ? ' ' : *choices, to);
    }
}

static bool has_actions(const mlr_cmd *cmd)
{
    return strcspn(cmd->operands, "|") < strcspn(cmd->operands, " ");
}

/* The words that the first operand may be: of "check|show OPERAND...". */
static void put_actions(FILE *to, const mlr_cmd *cmd)
{
    size_t n = has_actions(cmd) ? strcspn(cmd->operands, " ") : 0;
    for (size_t i = 0; i < n; i++) {
        putc(cmd->operands[i] == '|' ? ' ' : cmd->operands[i], to);
    }
}

static bool takes_path(const mlr_opt *o)
{
    return o->kind == MLR_OPT_FILE || o->kind == MLR_OPT_DIR;
}

static void bash_command(FILE *to, const mlr_cmd *cmd)
{
    const mlr_opt *o;
    fprintf(to, "    %s)\n        case $prev in\n", cmd->name);
    for (size_t i = 0; (o = option_at(cmd, i)) != NULL; i++) {
        if (o->kind == MLR_OPT_FLAG) {
            continue;
        }
        fprintf(to, "        --%s", o->name);
        if (o->letter != 0) {
            fprintf(to, "|-%c", o->letter);
        }
        if (o->choices != NULL) {
            fputs(") COMPREPLY=($(compgen -W '", to);
            put_choices(to, o->choices);
            fputs("' -- \"$cur\")); return ;;\n", to);
        } else if (takes_path(o)) {
            fprintf(to, ") COMPREPLY=($(compgen -%c -- \"$cur\")); return ;;\n",
                    o->kind == MLR_OPT_DIR ? 'd' : 'f');
        } else {
            fputs(") COMPREPLY=(); return ;;\n", to);
        }
    }
    fputs("        esac\n        words='", to);
    put_actions(to, cmd);
    fputs(has_actions(cmd) ? " " : "", to);
    for (size_t i = 0; (o = option_at(cmd, i)) != NULL; i++) {
        fprintf(to, "%s--%s", i == 0 ? "" : " ", o->name);
    }
    fputs("' ;;\n", to);
}

void mlr_doc_bash(FILE *to)
{
    fputs(
        "# bash completion for mallorn; generated from its option tables\n"
        "_mallorn() {\n"
        "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=\n"
        "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='--help --version",
        to);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (is_shown(mlr_cmds[i])) {
            fprintf(to, " %s", mlr_cmds[i]->name);
        }
    }
    fputs("'\n        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\") "
          "$(compgen -f -- \"$cur\"))\n"
          "        return\n    fi\n    case ${COMP_WORDS[1]} in\n",
          to);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        bash_command(to, mlr_cmds[i]);
    }
    fputs(
        "    esac\n    case $cur in\n"
        "    -*) COMPREPLY=($(compgen -W \"$words\" -- \"$cur\")) ;;\n"
        "    *) [ \"$COMP_CWORD\" -eq 2 ] && COMPREPLY=($(compgen -W \"${words%%--*}\" -- "
        "\"$cur\"))\n"
        "       [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\")) ;;\n"
        "    esac\n}\ncomplete -o filenames -F _mallorn mallorn\n",
        to);
}

static void zsh_option(FILE *to, const mlr_opt *o)
{
    bool repeats = o->kind == MLR_OPT_EACH;
    fputs("            ", to);
    if (o->letter != 0) {
        fprintf(to, "%s{-%c,--%s}'", repeats ? "'*'" : "", o->letter, o->name);
    } else {
        fprintf(to, "'%s--%s", repeats ? "*" : "", o->name);
    }
    putc('[', to);
    put_quoted(to, o->help, true);
    putc(']', to);
    if (o->kind != MLR_OPT_FLAG) {
        fprintf(to, ":%s:", o->metavar);
        if (o->choices != NULL) {
            putc('(', to);
            put_choices(to, o->choices);
            putc(')', to);
            fputs(repeats ? ":file:_files" : "", to); /* the word behind the choice */
        } else if (takes_path(o)) {
            fputs(o->kind == MLR_OPT_DIR ? "_files -/" : "_files", to);
        }
    }
    fputs("' \\\n", to);
}

void mlr_doc_zsh(FILE *to)
{
    const mlr_opt *o;
    fputs("#compdef mallorn\n# generated from its option tables\n_mallorn() {\n"
          "    local -a commands\n    commands=(\n",
          to);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (is_shown(mlr_cmds[i])) {
            fprintf(to, "        '%s:", mlr_cmds[i]->name);
            put_quoted(to, mlr_cmds[i]->summary, true);
            fputs("'\n", to);
        }
    }
    fputs("    )\n    if (( CURRENT == 2 )); then\n"
          "        _describe command commands\n        _files\n        return\n    fi\n"
          "    local command=$words[2]\n    shift words\n    (( CURRENT-- ))\n"
          "    case $command in\n",
          to);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        fprintf(to, "    %s)\n        _arguments -s \\\n", mlr_cmds[i]->name);
        for (size_t k = 0; (o = option_at(mlr_cmds[i], k)) != NULL; k++) {
            zsh_option(to, o);
        }
        if (has_actions(mlr_cmds[i])) {
            fputs("            '1:action:(", to);
            put_actions(to, mlr_cmds[i]);
            fputs(")' \\\n", to);
        }
        fputs("            '*:file:_files' ;;\n", to);
    }
    fputs("    esac\n}\n_mallorn \"$@\"\n", to);
}

static void fish_option(FILE *to, const mlr_cmd *cmd, const mlr_opt *o)
{
    fprintf(to, "complete -c mallorn -n '__fish_seen_subcommand_from %s' -l %s", cmd->name,
            o->name);
    if (o->letter != 0) {
        fprintf(to, " -s %c", o->letter);
    }
    if (o->choices != NULL) {
        fputs(" -x -a '", to);
        put_choices(to, o->choices);
        putc('\'', to);
    } else if (o->kind != MLR_OPT_FLAG) {
        fputs(takes_path(o) ? " -r" : " -x", to);
    }
    fputs(" -d '", to);
    for (const char *p = o->help; *p != '\0'; p++) { /* fish: backslash before a quote */
        fprintf(to, "%s%c", *p == '\'' ? "\\" : "", *p);
    }
    fputs("'\n", to);
}

void mlr_doc_fish(FILE *to)
{
    const mlr_opt *o;
    fputs("# fish completion for mallorn; generated from its option tables\n", to);
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (is_shown(mlr_cmds[i])) {
            fprintf(to, "complete -c mallorn -n __fish_use_subcommand -a %s -d '%s'\n",
                    mlr_cmds[i]->name, mlr_cmds[i]->summary);
        }
    }
    for (size_t i = 0; mlr_cmds[i] != NULL; i++) {
        if (has_actions(mlr_cmds[i])) {
            fprintf(to, "complete -c mallorn -n '__fish_seen_subcommand_from %s' -a '",
                    mlr_cmds[i]->name);
            put_actions(to, mlr_cmds[i]);
            fputs("'\n", to);
        }
        for (size_t k = 0; (o = option_at(mlr_cmds[i], k)) != NULL; k++) {
            fish_option(to, mlr_cmds[i], o);
        }
    }
}
