package script

import (
	"go.starlark.net/syntax"

	"todosync/mapping"
)

// Names of the functions that operations are rewritten to. No script can write them.
const (
	attrFunc   = "$attr"
	chargeFunc = "$charge"
	extendFunc = "$extend"
	addedFunc  = "$added"
)

// operators are those whose results can be large, each with the name of the function that counts it.
var operators = map[syntax.Token]string{
	syntax.PLUS: "$add", syntax.STAR: "$mul", syntax.PERCENT: "$mod", syntax.PIPE: "$or", syntax.AMP: "$and", syntax.CIRCUMFLEX: "$xor",
	syntax.MINUS: "$sub", syntax.LTLT: "$shl",
}

// assigning are the operators of x += y and the like.
var assigning = map[syntax.Token]syntax.Token{
	syntax.PLUS_EQ: syntax.PLUS, syntax.STAR_EQ: syntax.STAR, syntax.PERCENT_EQ: syntax.PERCENT, syntax.PIPE_EQ: syntax.PIPE,
	syntax.AMP_EQ: syntax.AMP, syntax.CIRCUMFLEX_EQ: syntax.CIRCUMFLEX, syntax.MINUS_EQ: syntax.MINUS, syntax.LTLT_EQ: syntax.LTLT,
}

// A rewriter replaces each operation of a script that can make a large value by a call of a function that counts it. The
// interpreter itself bounds steps alone, and 'x' * (1 << 29) is one step.
type rewriter struct {
	errs    mapping.Errors
	codes   []string
	secrets []string
}

func (r *rewriter) file(f *syntax.File) { r.stmts(f.Stmts) }

func (r *rewriter) stmts(all []syntax.Stmt) {
	for _, s := range all {
		r.stmt(s)
	}
}

func (r *rewriter) stmt(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.AssignStmt:
		r.assign(s)
	case *syntax.DefStmt:
		r.params(s.Params)
		r.stmts(s.Body)
	case *syntax.ExprStmt:
		s.X = r.expr(s.X)
	case *syntax.ForStmt:
		r.target(s.Vars)
		s.X = r.expr(s.X)
		r.stmts(s.Body)
	case *syntax.WhileStmt: // which the resolver refuses
		s.Cond = r.expr(s.Cond)
		r.stmts(s.Body)
	case *syntax.IfStmt:
		s.Cond = r.expr(s.Cond)
		r.stmts(s.True)
		r.stmts(s.False)
	case *syntax.ReturnStmt:
		if s.Result != nil {
			s.Result = r.expr(s.Result)
		}
	case *syntax.LoadStmt:
		r.fail(s.Load, "load is not there: a script is one text")
	case *syntax.BranchStmt:
	}
}

// assign rewrites x = y and x += y.
func (r *rewriter) assign(s *syntax.AssignStmt) {
	right := r.expr(s.RHS)
	op, both := assigning[s.Op]
	name, simple := s.LHS.(*syntax.Ident)
	switch {
	case !both:
		r.target(s.LHS)
		s.RHS = right
	case simple:
		x := &syntax.Ident{NamePos: name.NamePos, Name: name.Name}
		fn := operators[op]
		if op == syntax.PLUS {
			fn = extendFunc // a list keeps its identity
		}
		s.Op, s.RHS = syntax.EQ, counted(fn, s.OpPos, x, right)
	case op == syntax.PLUS || op == syntax.MINUS:
		r.target(s.LHS)
		s.RHS = counted(addedFunc, s.OpPos, right)
	default:
		r.fail(s.OpPos, "write x[i] = x[i] %s y; %s is for plain names", op, s.Op)
	}
}

// target rewrites what stands on the left of an assignment: it stays what it is, the expressions within it do not.
func (r *rewriter) target(e syntax.Expr) {
	switch e := e.(type) {
	case *syntax.ParenExpr:
		r.target(e.X)
	case *syntax.TupleExpr:
		for _, x := range e.List {
			r.target(x)
		}
	case *syntax.ListExpr:
		for _, x := range e.List {
			r.target(x)
		}
	case *syntax.IndexExpr:
		e.X, e.Y = r.expr(e.X), r.expr(e.Y)
	case *syntax.DotExpr:
		e.X = r.expr(e.X)
	}
}

// params rewrites the defaults of parameters.
func (r *rewriter) params(all []syntax.Expr) {
	for _, p := range all {
		if b, ok := p.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
			b.Y = r.expr(b.Y)
		}
	}
}

func (r *rewriter) exprs(all []syntax.Expr) {
	for i, e := range all {
		all[i] = r.expr(e)
	}
}

// expr gives what stands in the place of an expression.
func (r *rewriter) expr(e syntax.Expr) syntax.Expr {
	switch e := e.(type) {
	case *syntax.Literal:
		if text, ok := e.Value.(string); ok && e.Token == syntax.STRING && code.MatchString(text) {
			r.codes = append(r.codes, text)
		}
	case *syntax.ParenExpr:
		e.X = r.expr(e.X)
	case *syntax.UnaryExpr:
		if e.X != nil {
			e.X = r.expr(e.X)
		}
	case *syntax.BinaryExpr:
		e.X, e.Y = r.expr(e.X), r.expr(e.Y)
		if fn, ok := operators[e.Op]; ok {
			return counted(fn, e.OpPos, e.X, e.Y)
		}
	case *syntax.CondExpr:
		e.Cond, e.True, e.False = r.expr(e.Cond), r.expr(e.True), r.expr(e.False)
	case *syntax.IndexExpr:
		e.X, e.Y = r.expr(e.X), r.expr(e.Y)
	case *syntax.SliceExpr:
		e.X = counted(chargeFunc, e.Lbrack, r.expr(e.X))
		for _, part := range []*syntax.Expr{&e.Lo, &e.Hi, &e.Step} {
			if *part != nil {
				*part = r.expr(*part)
			}
		}
	case *syntax.DotExpr:
		name := &syntax.Literal{Token: syntax.STRING, TokenPos: e.NamePos, Raw: `"` + e.Name.Name + `"`, Value: e.Name.Name}
		return counted(attrFunc, e.Dot, r.expr(e.X), name)
	case *syntax.ListExpr:
		r.exprs(e.List)
	case *syntax.TupleExpr:
		r.exprs(e.List)
	case *syntax.DictExpr:
		r.exprs(e.List)
	case *syntax.DictEntry:
		e.Key, e.Value = r.expr(e.Key), r.expr(e.Value)
	case *syntax.LambdaExpr:
		r.params(e.Params)
		e.Body = r.expr(e.Body)
	case *syntax.Comprehension:
		r.comprehension(e)
	case *syntax.CallExpr:
		r.call(e)
	case *syntax.Ident:
	}
	return e
}

func (r *rewriter) comprehension(e *syntax.Comprehension) {
	e.Body = r.expr(e.Body)
	for _, c := range e.Clauses {
		switch c := c.(type) {
		case *syntax.ForClause:
			r.target(c.Vars)
			c.X = r.expr(c.X)
		case *syntax.IfClause:
			c.Cond = r.expr(c.Cond)
		}
	}
}

// call rewrites a call's arguments, of which name=value, *list and **dict are no expressions.
func (r *rewriter) call(e *syntax.CallExpr) {
	r.asked(e)
	e.Fn = r.expr(e.Fn)
	for i, a := range e.Args {
		switch a := a.(type) {
		case *syntax.BinaryExpr:
			if a.Op == syntax.EQ {
				a.Y = r.expr(a.Y)
				continue
			}
		case *syntax.UnaryExpr:
			if a.Op == syntax.STAR || a.Op == syntax.STARSTAR {
				a.X = counted(chargeFunc, a.OpPos, r.expr(a.X))
				continue
			}
		}
		e.Args[i] = r.expr(a)
	}
}

// counted is a call of one of our own functions, at the place of what it stands for.
func counted(name string, at syntax.Position, args ...syntax.Expr) *syntax.CallExpr {
	return &syntax.CallExpr{Fn: &syntax.Ident{NamePos: at, Name: name}, Lparen: at, Args: args, Rparen: at}
}
