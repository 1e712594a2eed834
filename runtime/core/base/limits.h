/*
 * Every maximum of the language, the machine and the runtime, in one place. Beyond each of them a
 * person gets an error that names the limit; nothing is cut silently.
 */
#ifndef RBK_RUNTIME_CORE_BASE_LIMITS_H
#define RBK_RUNTIME_CORE_BASE_LIMITS_H

#include <stddef.h>

/* Source text. */
#define RBK_SOURCE_BYTES_MAX ((size_t)64 << 20)   /**< One .rbk file. */
#define RBK_SQL_FILE_BYTES_MAX ((size_t)16 << 20) /**< One SQL file embedded in a machine. */
#define RBK_STRING_BYTES_MAX ((size_t)1 << 20)    /**< One string literal. */
#define RBK_NAME_BYTES_MAX ((size_t)128)          /**< One identifier. */
#define RBK_PATH_BYTES_MAX ((size_t)4096)         /**< One file name, its NUL included. */
#define RBK_NESTING_MAX ((size_t)200)             /**< Blocks, brackets and ${} inside another. */
#define RBK_EXPRESSION_DEPTH_MAX ((size_t)200)    /**< Operators inside another. */
#define RBK_MODULES_MAX ((size_t)1000)            /**< Modules of one compilation. */
#define RBK_MODULE_DEPTH_MAX ((size_t)32)         /**< Modules that use modules. */
#define RBK_ACTION_DEPTH_MAX ((size_t)32)         /**< Actions that call actions. */
#define RBK_ACTION_INSTANCES_MAX ((size_t)100000) /**< Actions after inlining, in one plan. */
#define RBK_FOREACH_MAX ((size_t)10000)           /**< `at most N`, and items of a literal list. */
#define RBK_TIMES_MAX ((size_t)1000000)           /**< Of `retry` and `attempts`. */
#define RBK_DIAGNOSTICS_MAX ((size_t)100)         /**< Errors shown before the list ends. */
#define RBK_DIAGNOSTIC_SPANS_MAX ((size_t)3)      /**< Labelled places beside the first. */
#define RBK_COMPILE_BYTES_MAX ((size_t)2 << 30)   /**< Memory of one compilation. */

/* Machines. */
#define RBK_MACHINE_BYTES_MAX ((size_t)256 << 20) /**< One machine as JSON text. */
#define RBK_MACHINE_MEMORY_MAX ((size_t)1 << 30)  /**< Memory of one loaded machine. */
#define RBK_STAGES_MAX ((size_t)4096)             /**< Stages of a plan. */
#define RBK_REGIONS_MAX ((size_t)65535)           /**< Regions, parallel branches included. */
#define RBK_STATES_MAX ((size_t)4000000)          /**< States of all regions together. */
#define RBK_TRIGGERS_MAX ((size_t)4096)           /**< Triggers and abort criteria. */
#define RBK_PROBES_MAX ((size_t)16384)            /**< Probes of a plan. */
#define RBK_PARAMETERS_MAX ((size_t)1024)         /**< Parameters of a plan. */
#define RBK_STACK_MAX ((size_t)256)               /**< Values on the expression stack. */
#define RBK_JSON_DEPTH_MAX ((size_t)64)           /**< Arrays and objects inside another. */

/* Values and windows. */
#define RBK_VALUE_BYTES_MAX ((size_t)1 << 20)   /**< One text or JSON value. */
#define RBK_LIST_MAX ((size_t)100000)           /**< Items of one list value. */
#define RBK_WINDOW_READINGS_MAX ((size_t)65536) /**< Readings in one probe's ring. */
#define RBK_PROBE_TIMEOUT_MS_MAX 5000u          /**< One reading of a probe. */

/* Effects. */
#define RBK_TEMPLATE_BYTES_MAX ((size_t)4 << 20)     /**< One rendered argument of an effect. */
#define RBK_ARGUMENTS_MAX ((size_t)4096)             /**< Arguments of one effect. */
#define RBK_OUTPUT_BYTES_MAX ((size_t)64 << 20)      /**< Output kept of one command. */
#define RBK_HTTP_HEADER_BYTES_MAX ((size_t)64 << 10) /**< All headers of one reply. */
#define RBK_HTTP_BODY_BYTES_MAX ((size_t)8 << 20)    /**< The body of one reply. */
#define RBK_SQL_ROW_BYTES_MAX ((size_t)64 << 20)     /**< One row that PostgreSQL sends, roughly. */
#define RBK_REDIS_REPLY_BYTES_MAX ((size_t)8 << 20)  /**< One reply. */
#define RBK_REDIS_ELEMENTS_MAX ((size_t)100000)      /**< All its arrays' elements together. */
#define RBK_REDIS_LINE_BYTES_MAX ((size_t)64 << 10)  /**< One status, error or number in it. */
#define RBK_EVENT_BYTES_MAX ((size_t)4 << 20)        /**< One journal event. */
#define RBK_SECRET_BYTES_MAX ((size_t)64 << 10)      /**< One secret. */
#define RBK_MESSAGE_BYTES_MAX ((size_t)16 << 10)     /**< One message to a person. */

#endif
