/*
 * Sets of numbers as sorted pieces. Every result goes through tidy(): ends of whole ranges are
 * pulled in to whole numbers, pieces are sorted, and those that touch become one.
 */
#include "compiler/rules/range.h"

#include "runtime/core/base/buffer.h"

#include <math.h>

/* Up to here every whole number is a double. */
#define EXACT_MAX 9007199254740992.0

/* Pieces while a result is put together: each of one range with each of another. */
#define WORK_MAX (RBK_RANGE_PIECES_MAX * RBK_RANGE_PIECES_MAX + RBK_RANGE_PIECES_MAX)

struct work {
    struct rbk_range_piece pieces[WORK_MAX];
    unsigned count;
};

static bool is_empty(const struct rbk_range_piece *piece)
{
    return !(piece->low <= piece->high) ||
           (piece->low == piece->high && (piece->low_open || piece->high_open));
}

/* An open end at infinity is as good as a closed one; one rule is enough. */
static void normalise(struct rbk_range_piece *piece, bool whole)
{
    if (whole && isfinite(piece->low)) {
        double end = ceil(piece->low);
        piece->low = piece->low_open && end == piece->low ? end + 1 : end;
        piece->low_open = false;
        piece->low = fabs(piece->low) > EXACT_MAX ? -INFINITY : piece->low;
    }
    if (whole && isfinite(piece->high)) {
        double end = floor(piece->high);
        piece->high = piece->high_open && end == piece->high ? end - 1 : end;
        piece->high_open = false;
        piece->high = fabs(piece->high) > EXACT_MAX ? INFINITY : piece->high;
    }
    piece->low_open = piece->low_open && isfinite(piece->low);
    piece->high_open = piece->high_open && isfinite(piece->high);
}

static void add(struct work *work, struct rbk_range_piece piece, bool whole)
{
    normalise(&piece, whole);
    if (!is_empty(&piece) && work->count < WORK_MAX) {
        work->pieces[work->count++] = piece;
    }
}

static bool begins_before(const struct rbk_range_piece *a, const struct rbk_range_piece *b)
{
    return a->low < b->low || (a->low == b->low && !a->low_open && b->low_open);
}

/* Whether nothing lies between two pieces of which @a begins first. */
static bool touch(const struct rbk_range_piece *a, const struct rbk_range_piece *b, bool whole)
{
    return a->high > b->low || (a->high == b->low && !(a->high_open && b->low_open)) ||
           (whole && a->high + 1 >= b->low);
}

static void swallow(struct rbk_range_piece *a, const struct rbk_range_piece *b)
{
    if (b->high > a->high) {
        a->high = b->high;
        a->high_open = b->high_open;
    } else if (b->high == a->high) {
        a->high_open = a->high_open && b->high_open;
    }
}

/* Make a range of pieces in any order. Too many: the last ones become one. */
static struct rbk_range tidy(struct work *work, bool whole)
{
    struct rbk_range range = {.whole = whole};
    for (unsigned i = 1; i < work->count; i++) {
        for (unsigned j = i; j > 0 && begins_before(&work->pieces[j], &work->pieces[j - 1]); j--) {
            struct rbk_range_piece piece = work->pieces[j];
            work->pieces[j] = work->pieces[j - 1];
            work->pieces[j - 1] = piece;
        }
    }
    for (unsigned i = 0; i < work->count; i++) {
        struct rbk_range_piece *last = range.count > 0 ? &range.pieces[range.count - 1] : NULL;
        if (last && (touch(last, &work->pieces[i], whole) || range.count == RBK_RANGE_PIECES_MAX)) {
            swallow(last, &work->pieces[i]);
        } else {
            range.pieces[range.count++] = work->pieces[i];
        }
    }
    return range;
}

struct rbk_range rbk_range_between(double low, double high, bool whole)
{
    struct work work; /* its pieces are not read before they are written */
    work.count = 0;
    add(&work, (struct rbk_range_piece){low, high, false, false}, whole);
    return tidy(&work, whole);
}

struct rbk_range rbk_range_all(bool whole)
{
    return rbk_range_between(-INFINITY, INFINITY, whole);
}

struct rbk_range rbk_range_point(double number, bool whole)
{
    return rbk_range_between(number, number, whole);
}

struct rbk_range rbk_range_meet(const struct rbk_range *a, const struct rbk_range *b)
{
    struct work work; /* its pieces are not read before they are written */
    work.count = 0;
    bool whole = a->whole || b->whole;
    for (unsigned i = 0; i < a->count; i++) {
        for (unsigned j = 0; j < b->count; j++) {
            const struct rbk_range_piece *x = &a->pieces[i];
            const struct rbk_range_piece *y = &b->pieces[j];
            struct rbk_range_piece piece = *x;
            if (y->low > piece.low) {
                piece.low = y->low;
                piece.low_open = y->low_open;
            } else if (y->low == piece.low) {
                piece.low_open = piece.low_open || y->low_open;
            }
            if (y->high < piece.high) {
                piece.high = y->high;
                piece.high_open = y->high_open;
            } else if (y->high == piece.high) {
                piece.high_open = piece.high_open || y->high_open;
            }
            add(&work, piece, whole);
        }
    }
    return tidy(&work, whole);
}

struct rbk_range rbk_range_join(const struct rbk_range *a, const struct rbk_range *b)
{
    struct work work; /* its pieces are not read before they are written */
    work.count = 0;
    bool whole = (a->whole || a->count == 0) && (b->whole || b->count == 0);
    for (unsigned i = 0; i < a->count; i++) {
        add(&work, a->pieces[i], whole);
    }
    for (unsigned i = 0; i < b->count; i++) {
        add(&work, b->pieces[i], whole);
    }
    return tidy(&work, whole);
}

/* ---- comparing ------------------------------------------------------------------------------- */

enum rbk_operator rbk_operator_opposite(enum rbk_operator op)
{
    switch (op) {
    case RBK_OPERATOR_EQUAL:
        return RBK_OPERATOR_NOT_EQUAL;
    case RBK_OPERATOR_NOT_EQUAL:
        return RBK_OPERATOR_EQUAL;
    case RBK_OPERATOR_LESS:
        return RBK_OPERATOR_GREATER_EQUAL;
    case RBK_OPERATOR_GREATER_EQUAL:
        return RBK_OPERATOR_LESS;
    case RBK_OPERATOR_GREATER:
        return RBK_OPERATOR_LESS_EQUAL;
    default:
        return RBK_OPERATOR_GREATER;
    }
}

enum rbk_operator rbk_operator_turned(enum rbk_operator op)
{
    switch (op) {
    case RBK_OPERATOR_LESS:
        return RBK_OPERATOR_GREATER;
    case RBK_OPERATOR_GREATER:
        return RBK_OPERATOR_LESS;
    case RBK_OPERATOR_LESS_EQUAL:
        return RBK_OPERATOR_GREATER_EQUAL;
    case RBK_OPERATOR_GREATER_EQUAL:
        return RBK_OPERATOR_LESS_EQUAL;
    default:
        return op;
    }
}

struct rbk_range rbk_range_compared(enum rbk_operator op, const struct rbk_range *other)
{
    struct work work; /* its pieces are not read before they are written */
    work.count = 0;
    if (other->count == 0) {
        return tidy(&work, false);
    }
    const struct rbk_range_piece *first = &other->pieces[0];
    const struct rbk_range_piece *last = &other->pieces[other->count - 1];
    bool strict = op == RBK_OPERATOR_LESS || op == RBK_OPERATOR_GREATER;
    switch (op) {
    case RBK_OPERATOR_EQUAL:
        return *other;
    case RBK_OPERATOR_LESS:
    case RBK_OPERATOR_LESS_EQUAL:
        add(&work,
            (struct rbk_range_piece){-INFINITY, last->high, false, strict || last->high_open},
            false);
        break;
    case RBK_OPERATOR_GREATER:
    case RBK_OPERATOR_GREATER_EQUAL:
        add(&work, (struct rbk_range_piece){first->low, INFINITY, strict || first->low_open, false},
            false);
        break;
    default: /* != : everything, but for a single number */
        if (other->count == 1 && first->low == first->high) {
            add(&work, (struct rbk_range_piece){-INFINITY, first->low, false, true}, false);
            add(&work, (struct rbk_range_piece){first->low, INFINITY, true, false}, false);
        } else {
            return rbk_range_all(false);
        }
        break;
    }
    return tidy(&work, false);
}

/* ---- arithmetic ------------------------------------------------------------------------------ */

static bool reaches_zero(const struct rbk_range_piece *piece)
{
    return piece->low <= 0 && piece->high >= 0;
}

/* One corner: two ends put together. 0 times infinity is 0 here: the 0 is exact, and infinity
 * stands for numbers as large as one likes. */
static double corner(enum rbk_operator op, double a, double b)
{
    double result = 0;
    switch (op) {
    case RBK_OPERATOR_ADD:
        return a + b;
    case RBK_OPERATOR_SUBTRACT:
        return a - b;
    case RBK_OPERATOR_MULTIPLY:
        result = a * b;
        break;
    default:
        result = a / b;
        break;
    }
    return isnan(result) ? 0 : result;
}

static struct rbk_range_piece compute_piece(enum rbk_operator op, const struct rbk_range_piece *a,
                                            const struct rbk_range_piece *b)
{
    struct rbk_range_piece piece = {0, 0, false, false};
    if (op == RBK_OPERATOR_ADD) {
        piece.low = corner(op, a->low, b->low);
        piece.high = corner(op, a->high, b->high);
        return piece;
    }
    if (op == RBK_OPERATOR_SUBTRACT) {
        piece.low = corner(op, a->low, b->high);
        piece.high = corner(op, a->high, b->low);
        return piece;
    }
    if (op == RBK_OPERATOR_DIVIDE && reaches_zero(b)) {
        bool above = b->low >= 0; /* the divisor is small and of one sign, or of either */
        bool below = b->high <= 0;
        bool plus = a->low >= 0;
        bool minus = a->high <= 0;
        bool positive = (above && plus) || (below && minus);
        bool negative = (above && minus) || (below && plus);
        piece.low = positive ? 0 : -INFINITY;
        piece.high = negative ? 0 : INFINITY;
        return piece;
    }
    const double corners[] = {corner(op, a->low, b->low), corner(op, a->low, b->high),
                              corner(op, a->high, b->low), corner(op, a->high, b->high)};
    piece.low = piece.high = corners[0];
    for (unsigned i = 1; i < 4; i++) {
        piece.low = corners[i] < piece.low ? corners[i] : piece.low;
        piece.high = corners[i] > piece.high ? corners[i] : piece.high;
    }
    return piece;
}

struct rbk_range rbk_range_compute(enum rbk_operator op, const struct rbk_range *a,
                                   const struct rbk_range *b, bool whole)
{
    struct work work; /* its pieces are not read before they are written */
    work.count = 0;
    for (unsigned i = 0; i < a->count; i++) {
        for (unsigned j = 0; j < b->count; j++) {
            struct rbk_range_piece piece = compute_piece(op, &a->pieces[i], &b->pieces[j]);
            if (isnan(piece.low) || isnan(piece.high)) {
                return rbk_range_all(whole);
            }
            if (whole) { /* rounded to the nearest, or towards zero */
                piece.low = floor(piece.low);
                piece.high = ceil(piece.high);
            }
            add(&work, piece, whole);
        }
    }
    return tidy(&work, whole);
}

struct rbk_range rbk_range_negate(const struct rbk_range *a)
{
    struct work work; /* its pieces are not read before they are written */
    work.count = 0;
    for (unsigned i = 0; i < a->count; i++) {
        const struct rbk_range_piece *x = &a->pieces[i];
        add(&work, (struct rbk_range_piece){-x->high, -x->low, x->high_open, x->low_open},
            a->whole);
    }
    return tidy(&work, a->whole);
}

struct rbk_range rbk_range_abs(const struct rbk_range *a)
{
    struct rbk_range positive = rbk_range_between(0, INFINITY, a->whole);
    struct rbk_range turned = rbk_range_negate(a);
    struct rbk_range one = rbk_range_meet(a, &positive);
    struct rbk_range other = rbk_range_meet(&turned, &positive);
    return rbk_range_join(&one, &other);
}

bool rbk_range_is_all(const struct rbk_range *range)
{
    return range->count == 1 && isinf(range->pieces[0].low) && isinf(range->pieces[0].high);
}

/* ---- words ----------------------------------------------------------------------------------- */

static void print_number(struct rbk_buffer *out, double number, enum rbk_type type)
{
    bool integer = type == RBK_TYPE_INT || type == RBK_TYPE_DURATION || type == RBK_TYPE_BYTES;
    struct rbk_value value =
        integer
            ? rbk_value_integer(type, (int64_t)number)
            : rbk_value_number(type == RBK_TYPE_RATIO ? RBK_TYPE_RATIO : RBK_TYPE_NUMBER, number);
    rbk_value_print(out, value);
}

/* A whole end beside a round number is said by that: "less than 5s", not "at most 4s 999ms". */
static bool is_beside_round(double end, double step, enum rbk_type type)
{
    double unit = type == RBK_TYPE_DURATION ? 1000 : type == RBK_TYPE_BYTES ? 1024 : 0;
    return unit > 0 && isfinite(end) && fmod(end, unit) != 0 && fmod(end + step, unit) == 0;
}

static void print_piece(struct rbk_buffer *out, struct rbk_range_piece piece_as_it_is,
                        enum rbk_type type)
{
    struct rbk_range_piece *piece = &piece_as_it_is;
    if (is_beside_round(piece->low, -1, type)) {
        piece->low -= 1;
        piece->low_open = true;
    }
    if (is_beside_round(piece->high, 1, type)) {
        piece->high += 1;
        piece->high_open = true;
    }
    if (isinf(piece->low) && isinf(piece->high)) {
        (void)rbk_buffer_append_text(out, "anything");
    } else if (isinf(piece->low)) {
        (void)rbk_buffer_append_text(out, piece->high_open ? "less than " : "at most ");
        print_number(out, piece->high, type);
    } else if (isinf(piece->high)) {
        (void)rbk_buffer_append_text(out, piece->low_open ? "more than " : "at least ");
        print_number(out, piece->low, type);
    } else if (piece->low == piece->high) {
        print_number(out, piece->low, type);
    } else {
        (void)rbk_buffer_append_text(out, piece->low_open ? "above " : "from ");
        print_number(out, piece->low, type);
        (void)rbk_buffer_append_text(out, piece->high_open ? " to below " : " to ");
        print_number(out, piece->high, type);
    }
}

void rbk_range_print(struct rbk_buffer *out, const struct rbk_range *range, enum rbk_type type)
{
    for (unsigned i = 0; i < range->count; i++) {
        (void)rbk_buffer_append_text(out, i == 0 ? "" : " or ");
        print_piece(out, range->pieces[i], type);
    }
}
