#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The installed library as others take it: through pkg-config, through CMake's find_package, and as
a Meson subproject. install.py SOURCE BUILD C-COMPILER...
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE, BUILD = map(pathlib.Path, sys.argv[1:3])
COMPILER = sys.argv[3:]
CONSUMER = SOURCE / 'tests/package/consumer.c'

CMAKE = f'''cmake_minimum_required(VERSION 3.16)
project(consumer C)
find_package(vkhrope 0.1 REQUIRED)
add_executable(consumer {CONSUMER})
target_link_libraries(consumer vkhrope::vkhrope)
'''
MESON = '''project('consumer', 'c')
vkhrope = dependency('vkhrope', fallback: 'vkhrope')
executable('consumer', 'consumer.c', dependencies: vkhrope)
'''


def run(*command, env=None, cwd=None):
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, cwd=cwd,
                          env=dict(os.environ, **(env or {})))
    if done.returncode != 0:
        sys.exit(f'{" ".join(map(str, command))}: exit code {done.returncode}\n{done.stdout}')
    return done.stdout.strip()


def check(what, condition):
    if not condition:
        sys.exit(f'FAILED: {what}')
    print('good:', what)


def install(folder):
    run('meson', 'install', '-C', BUILD, '--no-rebuild', '--destdir', folder)
    library = next(folder.rglob('libvkhrope.so'))
    installed = {str(path.relative_to(folder)) for path in folder.rglob('*') if path.is_file()}
    for ending in ('bin/vkhrope-ppl', 'bin/vkhrope-info', 'bin/vkhrope-tokenize',
                   'bin/vkhrope-bench', 'libvkhrope.a', 'pkgconfig/vkhrope.pc',
                   'vkhrope/vkhrope-config.cmake',
                   'man1/vkhrope-ppl.1', 'man1/vkhrope-info.1', 'man1/vkhrope-tokenize.1',
                   'completions/vkhrope-ppl'):
        check(f'{ending} is installed', any(path.endswith(ending) for path in installed))
    headers = {path.name for path in (SOURCE / 'include/vkhrope').glob('*.h')}
    found = {path.name for path in folder.rglob('include/vkhrope/*.h')}
    check(f'the headers are installed: {headers ^ found or "all"}', headers == found)
    return library


def through_pkg_config(folder, library):
    env = {'PKG_CONFIG_PATH': str(library.parent / 'pkgconfig'),
           'PKG_CONFIG_SYSROOT_DIR': str(folder)}
    for kind, extra in (('shared', []), ('static', ['--static'])):
        flags = run('pkg-config', '--cflags', '--libs', *extra, 'vkhrope', env=env).split()
        if extra:
            flags = [str(library.with_suffix('.a')) if flag == '-lvkhrope' else flag
                     for flag in flags]
        run(*COMPILER, CONSUMER, '-o', folder / kind, *flags)
        said = run(folder / kind, env={'LD_LIBRARY_PATH': str(library.parent)})
        check(f'pkg-config, {kind}: {said}', said == 'input/output error')
        needs = run('readelf', '-d', folder / kind)
        check(f'{kind}: libvkhrope.so.0 is needed or not',
              ('libvkhrope.so.0' in needs) == (kind == 'shared'))


def through_cmake(folder, library):
    if not shutil.which('cmake'):
        print('no cmake: find_package is not tested')
        return
    project = folder / 'cmake'
    project.mkdir()
    (project / 'CMakeLists.txt').write_text(CMAKE)
    prefix = next(folder.rglob('bin/vkhrope-ppl')).parent.parent
    run('cmake', '-S', project, '-B', project / 'build', f'-DCMAKE_PREFIX_PATH={prefix}',
        f'-DCMAKE_C_COMPILER={COMPILER[-1]}')
    run('cmake', '--build', project / 'build')
    said = run(project / 'build/consumer', env={'LD_LIBRARY_PATH': str(library.parent)})
    check(f'CMake: {said}', said == 'input/output error')


def as_subproject(folder):
    project = folder / 'outer'
    (project / 'subprojects').mkdir(parents=True)
    (project / 'subprojects/vkhrope').symlink_to(SOURCE)
    (project / 'meson.build').write_text(MESON)
    shutil.copy(CONSUMER, project)
    run('meson', 'setup', '--wrap-mode=forcefallback', project / 'build', project)
    # Of each kind of step one; the whole would build the library again.
    run('ninja', '-C', project / 'build', 'consumer.p/consumer.c.o',
        'subprojects/vkhrope/shaders/fill_test.c',
        'subprojects/vkhrope/src/libvkhrope-internal.a.p/base_log.c.o')
    steps = run('ninja', '-C', project / 'build', '-n', '-v', 'consumer')
    check('subproject: the consumer is linked with the library',
          any('-o consumer ' in step and 'libvkhrope.so' in step for step in steps.splitlines()))


def main():
    with tempfile.TemporaryDirectory(prefix='vkhrope-package-') as name:
        folder = pathlib.Path(name)
        library = install(folder)
        through_pkg_config(folder, library)
        through_cmake(folder, library)
        as_subproject(folder)


if __name__ == '__main__':
    main()
