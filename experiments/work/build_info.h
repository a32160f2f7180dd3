/* build_info.h: what the Makefile knows of this build. Defaults are for compilers called by hand. */
#ifndef RP_WORK_BUILD_INFO_H
#define RP_WORK_BUILD_INFO_H

#ifndef RP_BUILD_FLAGS
#define RP_BUILD_FLAGS "unknown"
#endif
#ifndef RP_BUILD_NUMERIC_SOURCES
#define RP_BUILD_NUMERIC_SOURCES "unknown" /* digest of core/ */
#endif
#ifndef RP_BUILD_COMMIT
#define RP_BUILD_COMMIT ""
#endif
#ifdef __clang__
#define RP_BUILD_COMPILER "clang " __clang_version__
#else
#define RP_BUILD_COMPILER "gcc " __VERSION__
#endif

#endif
