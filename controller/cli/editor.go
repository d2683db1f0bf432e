package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"unicode"

	"golang.org/x/term"

	"github.com/dogear-go/dogear/state"
)

// editInEditor lets a person change the draft. What was typed is taken away only once it is recorded.
func (k *kit) editInEditor(ctx context.Context, d *draft) error {
	editor, err := editorCommand(os.Getenv)
	if err != nil {
		return err
	}
	path, err := d.file()
	if err != nil {
		return fmt.Errorf("there is no place for what you type: %w", err)
	}
	fmt.Fprintf(k.stderr, "editing %s\n", path)
	for {
		failed := k.openEditor(ctx, editor, path)
		typed, err := readTyped(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && failed != nil:
			return failed
		case errors.Is(err, fs.ErrNotExist): // which is a way to say that nothing is to be changed
			return k.apply(ctx, d, d.before)
		case err != nil:
			return fmt.Errorf("what you typed can't be read from %s: %w", path, err)
		case failed != nil && bytes.Equal(typed, d.before):
			return errors.Join(failed, os.Remove(path))
		case failed != nil:
			return k.kept(d, path, failed)
		case bytes.Equal(typed, d.before):
			return errors.Join(k.apply(ctx, d, typed), os.Remove(path)) // says that nothing was changed
		}
		err = k.apply(ctx, d, typed)
		if err == nil {
			return os.Remove(path)
		}
		if !k.askAgain(err) {
			return k.kept(d, path, err)
		}
	}
}

// readTyped reads what the editor left. Anything but a file might never end.
func readTyped(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, errors.New("the editor left something there that is no regular file; nothing was changed")
	}
	return os.ReadFile(path)
}

// kept says where what was typed is, and how to use it.
func (k *kit) kept(d *draft, path string, err error) error {
	args := []string{"edit", quoteArg(d.edit.Step)}
	if d.edit.Item != "" {
		args = append(args, quoteArg(d.edit.Item))
	}
	text := fmt.Sprintf("%v\nwhat you typed is kept in %s; use it with:\n  %s", err, path, k.command(append(args, "--"+flagFile, quoteArg(path))...))
	var usage *UsageError
	if errors.As(err, &usage) {
		return &UsageError{&advised{text, err}}
	}
	return &advised{text, err}
}

// askAgain asks who sits at a terminal whether to go back to the editor.
func (k *kit) askAgain(err error) bool {
	var usage *UsageError
	if !errors.As(err, &usage) || !term.IsTerminal(int(os.Stdin.Fd())) {
		return false
	}
	fmt.Fprintf(k.stderr, "%s\nback to the editor? [Y/n] ", state.Printable(err.Error()))
	var answer string
	_, _ = fmt.Fscanln(os.Stdin, &answer) // an empty line is yes
	return answer == "" || strings.HasPrefix(strings.ToLower(answer), "y")
}

// file is a private file with the draft, whose name tells editors what is in it.
func (d *draft) file() (string, error) {
	name := "dogear-*-" + fileWord(d.edit.Step)
	if d.edit.Item != "" {
		name += "-" + fileWord(d.edit.Item)
	}
	if d.plain {
		name += ".txt"
	} else {
		name += ".json"
	}
	f, err := os.CreateTemp("", name) // 0600
	if err != nil {
		return "", err
	}
	_, err = f.Write(d.before)
	if err = errors.Join(err, f.Close()); err != nil {
		return "", errors.Join(err, os.Remove(f.Name()))
	}
	return f.Name(), nil
}

// fileWord is what a file's name can bear of a key.
func fileWord(s string) string {
	word := strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || r == '-' || r == '_') {
			return r
		}
		return '_'
	}, s)
	return word[:min(len(word), 40)]
}

// openEditor runs the editor on a file, and waits for its end.
func (k *kit) openEditor(ctx context.Context, editor []string, path string) error {
	cmd := exec.CommandContext(ctx, editor[0], append(editor[1:], path)...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, k.stdout, k.stderr
	if k.json {
		cmd.Stdout = k.stderr
	}
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the editor %s: %w", editor[0], err)
	}
	return nil
}

// editorCommand is what $VISUAL or $EDITOR says: a program and its arguments.
func editorCommand(env func(string) string) ([]string, error) {
	for _, name := range []string{"VISUAL", "EDITOR"} {
		text := strings.TrimSpace(env(name))
		if text == "" {
			continue
		}
		if _, err := exec.LookPath(text); err == nil {
			return []string{text}, nil // a path with spaces
		}
		args, err := splitArgs(text)
		if err != nil {
			return nil, usagef("$%s: %w", name, err)
		}
		if _, err := exec.LookPath(args[0]); err != nil {
			return nil, usagef("$%s: %w", name, err)
		}
		return args, nil
	}
	return nil, usagef("no editor is set: put one into $VISUAL or $EDITOR, as in EDITOR=\"code -w\", or give the new result with --%s", flagFile)
}

// splitArgs splits at spaces, but not within quotes. A backslash is a character like others, as in paths of Windows.
func splitArgs(text string) (args []string, err error) {
	var word strings.Builder
	var quote rune
	inWord := false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(r)
		case r == '"' || r == '\'':
			quote, inWord = r, true
		case unicode.IsSpace(r):
			if inWord {
				args = append(args, word.String())
				word.Reset()
			}
			inWord = false
		default:
			word.WriteRune(r)
			inWord = true
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("the quote %c is not closed in %s", quote, text)
	}
	if inWord {
		args = append(args, word.String())
	}
	return args, nil
}
