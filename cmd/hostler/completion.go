package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

func completion(a *app, f *pflag.FlagSet) func([]string) error {
	return func(args []string) error {
		shell, err := onlyOne(args, "bash, zsh or fish")
		if err != nil {
			return err
		}
		switch shell {
		case "bash":
			fmt.Fprint(a.stdout, a.bashCompletion())
		case "zsh":
			fmt.Fprint(a.stdout, "#compdef hostler\nautoload -U +X bashcompinit && bashcompinit\n"+a.bashCompletion())
		case "fish":
			fmt.Fprint(a.stdout, a.fishCompletion())
		default:
			return usageError(fmt.Sprintf("there is no completion for %q; the shells are bash, zsh and fish", shell))
		}
		return nil
	}
}

// flagNames are the long flags of a command that people use.
func (a *app) flagNames(c *command) []*pflag.Flag {
	f := a.flagSet(c)
	c.setup(a, f)
	var out []*pflag.Flag
	f.VisitAll(func(fl *pflag.Flag) {
		if !fl.Hidden {
			out = append(out, fl)
		}
	})
	return out
}

func (a *app) bashCompletion() string {
	var cases strings.Builder
	first := map[string]bool{}
	var words, sub []string
	for _, c := range commands() {
		head, rest, two := strings.Cut(c.name, " ")
		if !first[head] {
			first[head] = true
			words = append(words, head)
		}
		if two {
			sub = append(sub, rest)
		}
		var flags []string
		for _, fl := range a.flagNames(c) {
			flags = append(flags, "--"+fl.Name)
		}
		fmt.Fprintf(&cases, "    %q) words=%q ;;\n", c.name, strings.Join(flags, " "))
	}
	return `_hostler() {
  local cur=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} words=
  [ "$command" = state ] && command="state ${COMP_WORDS[2]}"
  case $command in
` + cases.String() + `  esac
  if [ "$COMP_CWORD" = 1 ]; then
    words="` + strings.Join(words, " ") + ` --chdir"
  elif [ "$COMP_CWORD" = 2 ] && [ "${COMP_WORDS[1]}" = state ]; then
    words="` + strings.Join(sub, " ") + `"
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
  case $cur in -*) ;; *) [ "$COMP_CWORD" -gt 1 ] && COMPREPLY+=($(compgen -f -- "$cur")) ;; esac
}
complete -o filenames -F _hostler hostler
`
}

func (a *app) fishCompletion() string {
	var b strings.Builder
	seen := map[string]bool{}
	for _, c := range commands() {
		head, rest, two := strings.Cut(c.name, " ")
		condition := "__fish_seen_subcommand_from " + head
		if two {
			if !seen[head] {
				fmt.Fprintf(&b, "complete -c hostler -n __fish_use_subcommand -a %s -d 'Look at the state and edit it'\n", head)
			}
			fmt.Fprintf(&b, "complete -c hostler -n '%s' -a %s -d '%s'\n", condition, rest, fishQuote(c.short))
			condition += "; and __fish_seen_subcommand_from " + rest
		} else {
			fmt.Fprintf(&b, "complete -c hostler -n __fish_use_subcommand -a %s -d '%s'\n", head, fishQuote(c.short))
		}
		seen[head] = true
		for _, fl := range a.flagNames(c) {
			fmt.Fprintf(&b, "complete -c hostler -n '%s' -l %s -d '%s'\n", condition, fl.Name, fishQuote(strings.ReplaceAll(fl.Usage, "`", "")))
		}
	}
	return b.String()
}

func fishQuote(s string) string { return strings.ReplaceAll(s, "'", `\'`) }
