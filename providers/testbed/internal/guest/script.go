package guest

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// script is a script that hostler sends to a shell of the guest. It comes on
// the shell's stdin, before what the script itself shall read: a word that
// marks its beginning and its end in the output, the variables it gets as a
// program of export commands, and its text. Each is one line, written the way
// printf's %b reads it.
type script struct {
	mark, vars, text string
	input            io.Reader // what the script itself shall read
	pid              int       // of its shell; 0: there is none that could be killed
	begun            bool
}

// loader begins the program by which the shell reads a script.
const loader = "# hostler: load"

// script reads the script that a command brings, nil when it brings none. On
// the command's stdin it stays as it was.
func (c *command) script() (*script, error) {
	if c.stdin == nil || !strings.HasPrefix(c.words[len(c.words)-1], loader) {
		return nil, nil
	}
	in := bufio.NewReader(c.stdin)
	var head strings.Builder
	var lines [3]string
	for i := range lines {
		line, err := in.ReadString('\n')
		if err != nil {
			return nil, fmt.Errorf("the script is cut off in line %d: %w", i+1, err)
		}
		head.WriteString(line)
		lines[i] = unescape(strings.TrimSuffix(line, "\n"))
	}
	c.stdin = io.MultiReader(strings.NewReader(head.String()), in)
	return &script{mark: lines[0], vars: lines[1], text: lines[2], input: in}, nil
}

// lines are what the log says of a command: the script's lines, or its words.
func (s *script) lines(words []string) []string {
	if s == nil {
		return words
	}
	return strings.Split(strings.TrimRight(s.text, "\n"), "\n")
}

// begin says once that the script has begun, as the loader says it.
func (s *script) begin(c command) {
	if s != nil && !s.begun {
		fmt.Fprintf(c.stdout, "%s begin %d\n", s.mark, s.pid)
		s.begun = true
	}
}

// answer is a whole run of the script, or of a command that brings none: what
// it prints, and its exit code.
func (s *script) answer(c command, stdout, stderr string, code int) (exit int) {
	s.begin(c)
	io.WriteString(c.stdout, stdout)
	io.WriteString(c.stderr, stderr)
	if s == nil {
		return code
	}
	fmt.Fprintf(c.stdout, "%s end %d\n", s.mark, code)
	return 0
}

// variables are the variables that the script is given.
func (s *script) variables() map[string]string {
	all := map[string]string{}
	for _, word := range split(s.vars) {
		if name, value, ok := strings.Cut(word, "="); ok {
			all[name] = value
		}
	}
	return all
}

// unescape reads what printf's %b reads, as far as hostler writes it: \\, \n
// and \0 with three octal digits.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			continue
		}
		i++
		switch s[i] {
		case 'n':
			b.WriteByte('\n')
		case '0':
			if n, err := strconv.ParseUint(s[i+1:min(i+4, len(s))], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// split takes a command line apart as a shell does, as far as quotes go.
func split(line string) []string {
	var words []string
	var word strings.Builder
	inWord := false
	var quote rune
	escaped := false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, inWord = true, true
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '\'' || r == '"':
			quote, inWord = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if inWord {
				words = append(words, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words
}
